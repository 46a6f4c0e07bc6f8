from galerne.clock import ManualClock
from galerne.machine.meter import choose_meter
from tests.machine.machines import FakePowercap


def chosen(root):
    return choose_meter(clock=ManualClock(), active_j=lambda: 0.0, idle_w=3.0, root=root)


def test_a_readable_counter_is_preferred(tmp_path):
    FakePowercap(tmp_path).add("0", "package-0")
    assert chosen(tmp_path).method == "measured"


def test_without_any_counter_energy_is_modelled_and_says_so(tmp_path):
    assert chosen(tmp_path).method == "modelled"


def test_a_counter_that_cannot_be_read_is_no_counter(tmp_path):
    tree = FakePowercap(tmp_path).add("0", "package-0")
    tree.hide("0")
    assert chosen(tmp_path).method == "modelled"
