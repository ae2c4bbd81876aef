from marketdata.ingest.streams import Look, Loss, Place, reconcile

PLACE = Place("a", b"5-0", 50)


def make_look(
    epoch: str = "a",
    length: int = 60,
    added: int = 60,
    first_id: bytes = b"1-0",
    last_id: bytes = b"6-0",
) -> Look:
    return Look(epoch, length, added, first_id, last_id)


def test_a_first_reader_begins_with_what_is_there():
    place, loss = reconcile(None, make_look(length=40))

    assert (place, loss) == (Place("a", b"0-0", 20), None)


def test_a_stream_that_goes_on_is_read_on():
    assert reconcile(PLACE, make_look()) == (PLACE, None)


def test_another_epoch_is_a_wipe():
    place, loss = reconcile(PLACE, make_look(epoch="b", added=3, length=3))

    assert (place, loss) == (Place("b", b"0-0", 0), Loss("wiped", None))


def test_fewer_entries_than_were_read_is_a_wipe():
    _, loss = reconcile(PLACE, make_look(added=10, length=10))

    assert loss == Loss("wiped", None)


def test_a_trim_past_the_place_is_counted():
    place, loss = reconcile(PLACE, make_look(length=3))

    assert (place.ordinal, loss) == (57, Loss("trimmed", 7))


def test_a_stream_trimmed_to_nothing_is_counted():
    look = make_look(length=0, first_id=b"0-0")

    _, loss = reconcile(PLACE, look)

    assert loss == Loss("trimmed", 10)


def test_a_trim_that_was_overtaken_is_counted_when_caught_up():
    _, loss = reconcile(PLACE, make_look(last_id=b"5-0"))

    assert loss == Loss("trimmed", 10, is_overdue=True)
