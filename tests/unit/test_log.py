from goldsmith.log import Event, Log, Message, Output, TaskEnded, TaskStarted
from goldsmith.masking import NOTHING, Masker

TOKEN = "hunter2-hunter2"


def test_all_that_is_told_in_the_block_is_masked() -> None:
    events: list[Event] = []
    log = Log(events.append)

    with log.masking(Masker([TOKEN])):
        with log.task(f"log in with {TOKEN}", user="me", token=TOKEN, tries=3) as task:
            log.info(f"it is {TOKEN}")
            log.output("stderr", f"* {TOKEN} *")
            task.note(f"{TOKEN} it was")
    log.warning(f"and now {TOKEN}")

    started, message, output, ended, last = events
    assert isinstance(started, TaskStarted)
    assert (started.name, started.fields) == ("log in with ***", {"user": "me", "token": "***", "tries": 3})
    assert isinstance(ended, TaskEnded)
    assert (ended.name, ended.fields, ended.note) == (started.name, started.fields, "*** it was")
    assert isinstance(message, Message)
    assert message.text == "it is ***"
    assert isinstance(output, Output)
    assert (output.text, output.stream) == ("* *** *", "stderr")
    assert isinstance(last, Message)
    assert last.text == f"and now {TOKEN}"


def test_the_masker_in_force_is_there_for_those_who_mask_pieces() -> None:
    log = Log()
    masker = Masker([TOKEN])

    with log.masking(masker):
        within = log.masker

    assert within is masker
    assert log.masker is NOTHING
