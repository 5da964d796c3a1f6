"""However a text with a secret is cut and wrapped, the secret never comes out; other texts do not change."""

import base64
import json
from collections.abc import Sequence
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldsmith.errors import GuestFailed, StepFailed
from goldsmith.masking import MASK, MOST_LINE_ENDS, Masker

TOKEN = "hunter2-Zahl/9+ß"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\nab==\n-----END PRIVATE KEY-----\n"

#: Few letters, so that texts are full of beginnings of secrets and of secrets that overlap.
LETTERS = st.sampled_from("abc")
SECRETS = st.lists(st.text(LETTERS, min_size=4, max_size=9), min_size=1, max_size=3)
LINE_ENDS = st.sampled_from(["", "", "", "\n", "\r\n", "\n\n\r"])


def in_pieces(masker: Masker, pieces: Sequence[str]) -> str:
    stream = masker.stream()
    return "".join([*map(stream.feed, pieces), stream.flush()])


def cut(text: str, places: Sequence[int]) -> list[str]:
    bounds = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:stop] for start, stop in pairwise(bounds)]


def flat(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")


def test_a_secret_is_masked_wherever_it_stands() -> None:
    assert Masker([TOKEN]).mask(f"a {TOKEN}, b {TOKEN}{TOKEN}.\n") == "a ***, b ******.\n"


def test_secrets_that_overlap_are_masked_as_one() -> None:
    assert Masker(["abcab", "cabxy"]).mask("-abcabcab-abcabxy-") == "-***-***-"


@pytest.mark.parametrize("secret", ["hunter2-Zahl ", " hunter2-Zahl\n", "hunter2-Zahl\t\r\n"])
def test_a_secret_is_masked_without_the_white_space_around_it_too(secret: str) -> None:
    assert Masker([secret]).mask("is=hunter2-Zahl.") == "is=***."


def test_a_masker_without_secrets_changes_nothing() -> None:
    masker = Masker([])

    assert masker.mask(f"a {TOKEN}\r\n") == f"a {TOKEN}\r\n"
    assert not masker.holds(TOKEN)


@pytest.mark.parametrize("secret", ["", "abc", "a\nb\nc", "a   b"])
def test_a_secret_that_would_mask_half_of_every_text_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="a secret has at least 4 characters besides white space"):
        Masker([secret])


@given(st.data(), SECRETS, st.text(LETTERS, max_size=12), st.text(LETTERS, max_size=12))
def test_a_secret_never_comes_out_however_it_is_cut_and_wrapped(
    data: st.DataObject, secrets: list[str], before: str, after: str
) -> None:
    plain = before + data.draw(st.sampled_from(secrets)) + after
    text = "".join(letter + data.draw(LINE_ENDS) for letter in plain)
    pieces = cut(text, data.draw(st.lists(st.integers(0, 200))))
    masker = Masker(secrets)

    told = in_pieces(masker, pieces)

    assert not [secret for secret in secrets if secret in flat(told)]
    assert not masker.holds(told)
    assert told == masker.mask(text)
    assert MASK in told


@given(st.text(st.sampled_from("ab -\n\r"), max_size=60), st.lists(st.integers(0, 60)))
def test_a_text_without_a_secret_comes_out_unchanged(text: str, places: list[int]) -> None:
    masker = Masker(["abba-ab", "bbbb----"])

    told = in_pieces(masker, cut(text, places))

    if not masker.holds(text):
        assert told == text == masker.mask(text)


@given(st.text(max_size=80), st.text(min_size=9, max_size=20), st.lists(st.integers(0, 100)))
def test_pieces_give_what_the_whole_gives(text: str, secret: str, places: list[int]) -> None:
    masker = Masker([secret + "beef"])
    whole = f"{text}{secret}beef{text}"

    assert in_pieces(masker, cut(whole, places)) == masker.mask(whole)


@settings(deadline=None)
@given(st.binary(max_size=7), st.binary(max_size=7), st.text(min_size=6, max_size=30))
def test_no_base64_of_a_text_with_the_secret_comes_out(before: bytes, after: bytes, secret: str) -> None:
    secret += "beef"
    masker = Masker([secret])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        told = masker.mask(encode(before + secret.encode() + after).decode())

        assert MASK in told
        # What stays are the characters that hold bits of what stood beside it.
        assert len(told) <= (len(before) + len(after)) * 4 // 3 + 4 + len(MASK) + 2


@pytest.mark.parametrize(
    "form",
    [
        json.dumps('quo"ted and ß'),
        json.dumps('quo"ted and ß', ensure_ascii=False),
        quote('quo"ted and ß'),
        quote_plus('quo"ted and ß'),
        quote('quo"ted and ß').lower(),
        base64.b64encode('quo"ted and ß'.encode()).decode(),
        base64.b64encode('quo"ted and ß\n'.encode()).decode(),
        base64.encodebytes('x:quo"ted and ß'.encode()).decode(),
    ],
)
def test_what_programs_make_of_a_secret_is_masked(form: str) -> None:
    masker = Masker(['quo"ted and ß'])

    assert masker.holds(f"<{form}>")
    assert MASK in masker.mask(f"<{form}>")
    assert len(masker.mask(form).strip()) <= len(MASK) + 3


def test_a_slash_is_quoted_or_not() -> None:
    assert Masker(["a/b/c/d"]).mask("?x=a%2Fb%2fc/d a%2fb%2fc%2fd a/b/c/d") == "?x=a%2Fb%2fc/d *** ***"


def test_base64_that_is_wrapped_is_masked() -> None:
    wrapped = base64.encodebytes(KEY.encode() * 2).decode()

    assert Masker([KEY * 2]).mask(wrapped).strip() == MASK


def test_a_secret_of_several_lines_is_masked_as_a_whole_and_line_by_line() -> None:
    masker = Masker([KEY])

    assert masker.mask(f"key:\n{KEY}end") == "key:\n***\nend"
    assert masker.mask(KEY.replace("\n", "\r\n")) == "***\r\n"
    assert masker.mask(" ".join(KEY.split())) == MASK
    assert masker.mask("1 kqhkiG9w0BAQEF\n2 ab==\n") == "1 ***\n2 ab==\n"


def test_the_lines_around_a_key_are_no_secret() -> None:
    other = KEY.replace("MIIE", "NJJF").replace("kqhk", "lrij")

    assert not Masker([KEY]).holds(other)


def test_what_cannot_become_a_secret_is_told_at_once() -> None:
    stream = Masker(["hunter2"]).stream()

    assert stream.feed("one\ntwo hun") == "one\ntwo "
    assert stream.feed("ger\nhunt") == "hunger\n"
    assert stream.feed("er") == ""
    assert stream.feed("2 is out\n") == "*** is out\n"
    assert stream.feed("h\n") == ""
    assert stream.flush() == "h\n"
    assert stream.flush() == ""


def test_a_chain_of_secrets_that_overlap_is_not_held_back_for_ever() -> None:
    stream = Masker(["aaaa"]).stream()

    told = [stream.feed("a" * 1000) for _ in range(5)]

    assert told == [MASK, "", "", "", ""]
    assert stream.feed("b") == "b"


def test_line_ends_without_end_are_not_held_back_for_ever() -> None:
    stream = Masker(["secret"]).stream()

    told = stream.feed("sec") + "".join(stream.feed("\n" * 1000) for _ in range(200)) + stream.feed("ret.")

    assert len("\n" * 1000 * 200) > MOST_LINE_ENDS
    assert told + stream.flush() == "***."


def test_bytes_that_are_no_text_may_hold_a_secret_too() -> None:
    masker = Masker([TOKEN])

    assert masker.holds(b"\xff\0" + TOKEN.encode() + b"\xc3")
    assert not masker.holds(b"\xff\0" + TOKEN.encode()[1:] + b"\xc3")


def test_all_that_an_error_says_is_masked_in_place() -> None:
    masker = Masker([TOKEN])
    cause = ValueError(f"inner {TOKEN}", 3)
    error = StepFailed(
        f"curl {TOKEN} failed", step="Get", exit_code=3, last_lines=["one", f"x {TOKEN}"], hint=f"not {TOKEN}"
    )
    error.add_note(f"see {TOKEN}")
    error.__cause__ = cause

    masker.mask_error(error)

    assert (str(error), error.message, error.hint) == ("curl *** failed", "curl *** failed", "not ***")
    assert (error.last_lines, error.__notes__, error.exit_code) == (("one", "x ***"), ["see ***"], 3)
    assert (error.step, error.code, cause.args) == ("Get", "step-failed", ("inner ***", 3))


def test_a_secret_spread_over_the_last_lines_of_an_error_is_masked() -> None:
    error = GuestFailed("it died", last_lines=["a", TOKEN[:5], TOKEN[5:] + " b"])

    Masker([TOKEN]).mask_error(error)

    assert error.last_lines == ("a", "*** b")


def test_errors_that_caused_one_another_in_a_circle_are_masked() -> None:
    one, other = ValueError(TOKEN), ValueError(TOKEN)
    one.__context__, other.__context__ = other, one

    Masker([TOKEN]).mask_error(one)

    assert (one.args, other.args) == ((MASK,), (MASK,))
