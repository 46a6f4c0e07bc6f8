from hypothesis import given, settings
from hypothesis import strategies as st

from galerne.fleet.memory import Holding, find_room

GB = 1_000_000_000


def held(node_id, needed, *, taken=0, idle=True, may_leave=True, used_s=0.0):
    return Holding(
        node_id=node_id,
        needed_bytes=needed * GB,
        taken_bytes=taken * GB,
        is_idle=idle,
        may_leave=may_leave,
        used_s=used_s,
    )


def test_what_fits_beside_the_others_evicts_nobody():
    room = find_room(2 * GB, free_bytes=8 * GB, holdings=[held("a", 4)])
    assert room.fits
    assert room.leaving == ()


def test_weights_mapped_from_a_file_count_as_free_to_the_system_and_not_to_us():
    # The system counts 8 GB as available, of which the mapped model will use 6 again.
    room = find_room(4 * GB, free_bytes=8 * GB, holdings=[held("mapped", 7, taken=1)])
    assert room.leaving == ("mapped",)
    assert find_room(2 * GB, free_bytes=8 * GB, holdings=[held("mapped", 7, taken=1)]).leaving == ()


def test_the_longest_unused_leaves_first_and_no_more_than_it_takes():
    holdings = [
        held("new", 4, taken=4, used_s=9),
        held("old", 4, taken=4, used_s=1),
        held("mid", 4, taken=4, used_s=5),
    ]
    assert find_room(3 * GB, free_bytes=0, holdings=holdings).leaving == ("old",)
    assert find_room(7 * GB, free_bytes=0, holdings=holdings).leaving == ("old", "mid")


def test_a_small_old_one_stays_when_a_larger_one_has_to_leave_in_any_case():
    holdings = [held("small", 1, taken=1, used_s=1), held("large", 6, taken=6, used_s=2)]
    assert find_room(5 * GB, free_bytes=0, holdings=holdings).leaving == ("large",)


def test_a_busy_model_is_waited_for_and_a_pinned_one_is_not():
    busy = held("busy", 4, taken=4, idle=False)
    pinned = held("pinned", 4, taken=4, may_leave=False)
    room = find_room(4 * GB, free_bytes=1 * GB, holdings=[busy, pinned])
    assert not room.fits
    assert room.busy == ("busy",)
    assert room.reachable_bytes == 5 * GB
    assert find_room(6 * GB, free_bytes=1 * GB, holdings=[busy, pinned]).busy == ()


def test_a_budget_holds_where_the_machine_has_more():
    room = find_room(3 * GB, free_bytes=64 * GB, holdings=[held("a", 4, taken=4)], budget_bytes=6 * GB)
    assert room.leaving == ("a",)
    assert find_room(7 * GB, free_bytes=64 * GB, holdings=[], budget_bytes=6 * GB).reachable_bytes == 6 * GB


HOLDINGS = st.lists(
    st.builds(
        lambda node_id, needed, taken, idle, may_leave, used_s: held(
            str(node_id), needed, taken=taken, idle=idle, may_leave=may_leave, used_s=used_s
        ),
        st.integers(0, 10**6),
        st.integers(0, 20),
        st.integers(0, 20),
        st.booleans(),
        st.booleans(),
        st.integers(0, 9),
    ),
    max_size=6,
    unique_by=lambda holding: holding.node_id,
)


@settings(max_examples=60)
@given(needed=st.integers(0, 60), free=st.integers(0, 60), holdings=HOLDINGS)
def test_nobody_leaves_in_vain_and_nobody_busy_or_pinned_leaves(needed, free, holdings):
    room = find_room(needed * GB, free_bytes=free * GB, holdings=holdings)
    by_id = {holding.node_id: holding for holding in holdings}
    spare = free * GB - sum(holding.promised_bytes for holding in holdings)
    assert all(by_id[node_id].is_idle and by_id[node_id].may_leave for node_id in room.leaving)
    assert all(not by_id[node_id].is_idle and by_id[node_id].may_leave for node_id in room.busy)
    if room.fits:
        freed = [by_id[node_id].freed_bytes for node_id in room.leaving]
        assert spare + sum(freed) >= needed * GB
        assert all(spare + sum(freed) - one < needed * GB for one in freed)
    else:
        assert bool(room.busy) == (room.reachable_bytes >= needed * GB)
