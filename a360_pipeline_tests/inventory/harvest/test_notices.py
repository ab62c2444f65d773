"""Messages of the queue: what they say of deliveries, and what becomes of those that say nothing."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a360_pipeline.inventory.harvest.notices import Inbox, Notice, Poison, read_notices
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.means import Means
from a360_pipeline_tests.inventory.harvest.ground import Ground, enveloped, event_of

KEY = "spring/1/logs/a360-spring/2026-11-24T01-00Z/manifest.checksum"


@pytest.mark.parametrize("wrap", [json.dumps, enveloped])
@pytest.mark.parametrize(
    "name", ["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "ObjectCreated:Copy", "s3:ObjectCreated:Put"]
)
def test_an_object_counts_however_it_was_created(name, wrap):
    """I5. Large files are uploaded in parts, and their event has another name than Put."""
    (notice,) = read_notices(wrap(event_of("place", KEY, name)))
    assert notice == Notice("place", KEY)
    assert notice.manifest_key == "spring/1/logs/a360-spring/2026-11-24T01-00Z/manifest.json"


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=60))
def test_keys_are_decoded(part):
    """I6. Events encode keys as forms do: a space is a plus, and a plus is %2B."""
    key = f"{part}/manifest.checksum"
    assert read_notices(enveloped(event_of("place", key)))[0].checksum_key == key


def test_a_key_with_a_space_and_a_plus_is_the_one_that_s3_has():
    """I6. As S3 writes it, letter by letter."""
    body = json.dumps(event_of("place", "x")).replace('"x"', '"my+inventory/a%2Bb%3D1/manifest.checksum"')
    assert read_notices(body)[0].checksum_key == "my inventory/a+b=1/manifest.checksum"


@pytest.mark.parametrize(
    "body", [json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}), json.dumps(event_of("place", "data/1.orc"))]
)
def test_test_events_and_other_objects_tell_of_no_delivery(body):
    assert read_notices(body) == ()
    assert read_notices(enveloped(body)) == ()


POISON = {
    "no JSON": "it is broken {",
    "nested too deep": "[" * 100_000,
    "no object": "[1]",
    "no records": "{}",
    "none in the list": json.dumps({"Records": []}),
    "a list that is none": json.dumps({"Records": {"a": 1}}),
    "a record that is none": json.dumps({"Records": [None]}),
    "no text in the envelope": json.dumps({"Type": "Notification", "Message": 7}),
    "something was removed": json.dumps(event_of("place", KEY, "ObjectRemoved:Delete")),
    "a key that is a number": json.dumps(event_of("place", KEY)).replace(f'"{KEY}"', "7"),
    "a key that is no text": json.dumps(event_of("place", "x")).replace('"x"', '"%ff/manifest.checksum"'),
    "a key too long": json.dumps(event_of("place", "x" * 1025)),
    "a bucket that is none": json.dumps(event_of("", KEY)),
    "too large": json.dumps({"Records": ["x" * 1024**2]}),
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON.keys())
def test_what_says_nothing_is_poison_and_says_why(body):
    with pytest.raises(Poison) as said:
        read_notices(body)
    assert 10 < len(str(said.value)) < 400


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda kids: (
            st.lists(kids)
            | st.dictionaries(
                st.sampled_from(["Type", "Message", "Records", "s3", "bucket", "object", "name", "key", "eventName"]),
                kids,
            )
        ),
    )
)
def test_whatever_json_comes_is_read_or_poison(document):
    with suppress(Poison):
        read_notices(json.dumps(document))


def test_a_bad_message_goes_to_the_dead_letters_with_its_reason_and_blocks_no_other(means: Means, registry: Registry):
    """I14. One bad record failed its batch for ever."""
    ground = Ground(means, registry)
    for number in range(12):
        ground.send(enveloped(event_of("place", f"{number}/manifest.checksum")))
        if number % 4 == 0:
            ground.send("it is broken {")
    inbox = Inbox.of(means)
    messages = list(inbox.receive(100))
    assert {message.notices[0].checksum_key for message in messages} == {
        f"{number}/manifest.checksum" for number in range(12)
    }
    assert ground.messages(ground.dead_letters) == 3
    assert all("no JSON" in reason for reason in ground.reasons())
    assert ground.messages(ground.queue) == 12, "the good ones are deleted once the work is recorded, not before"
    assert inbox.settle(messages, lambda notice: notice.checksum_key != "7/manifest.checksum") == 11
    assert ground.messages(ground.queue) == 1


def test_a_look_receives_no_more_than_it_is_to(means: Means, registry: Registry):
    ground = Ground(means, registry)
    for number in range(25):
        ground.send(enveloped(event_of("place", f"{number}/manifest.checksum")))
    assert len(list(Inbox.of(means).receive(13))) == 13
