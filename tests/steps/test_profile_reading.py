"""A profile in any spelling is read the same; what cannot be read is null and flagged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import PermanentError
from shared.models.profiles import DoctorProfile, Profile
from shared.people.doctor_reading import read_doctor
from shared.people.profile_reading import FIELDS, REASONS, read_profile

TODAY = date(2026, 5, 1)
MISSING = {
    "name_missing", "dob_missing", "gender_missing", "allergies_missing",
    "chronic_conditions_missing", "emergency_contact_missing",
}  # fmt: skip


def read(**fields: Any) -> Profile:
    return read_profile(fields, TODAY)


def reasons(**fields: Any) -> set[str]:
    """Return what is flagged besides the fields that are simply absent."""
    return set(read(**fields).review_reasons) - MISSING


FULL = Profile(
    name="Asha Rao",
    dob=date(1990, 5, 1),
    gender="Female",
    allergies="dust, pollen",
    chronic_conditions="asthma",
    emergency_contact="Ravi Rao, +919876543299",
    language="en",
    email="asha@example.com",
    phone_digits="919876543210",
    consent_data_use=True,
    consent_notifications=False,
)


@pytest.mark.parametrize(
    "fields",
    [
        {
            "uid": "u1", "firstName": "Asha", "lastName": "Rao", "phoneNumber": "+919876543210",
            "email": "Asha@Example.com", "dob": "1990-05-01", "gender": "Female",
            "allergies": ["dust", "pollen"], "chronicConditions": ["asthma"],
            "emergencyContactName": "Ravi Rao", "emergencyContactPhone": "+919876543299",
            "address": {"houseNo": "1", "city": "Pune"}, "language": "en",
            "consentDataUse": True, "consentNotifications": False,
        },
        {
            "first_name": " Asha ", "last_name": "Rao", "phone_number": "+91 98765 43210",
            "email": "asha@example.com", "date_of_birth": 641520000000, "gender": "female",
            "allergies": "dust, pollen", "chronic_conditions": "asthma",
            "emergency_contact_name": "Ravi Rao", "emergency_contact_phone": "+919876543299",
            "language": "EN", "consent_data_use": "true", "consent_notifications": "false",
        },
        {
            "name": "Asha  Rao", "phone": 919876543210, "email": "asha@example.com",
            "dob": 641500200000, "gender": "FEMALE", "allergies": ["dust", "", "pollen"],
            "conditions": ["asthma", None], "emergencyContact": "Ravi Rao, +919876543299",
            "language": "en", "consentGiven": True, "consentNotifications": False,
        },
        {
            "name": "Asha Rao", "firstName": "", "phoneNumber": " ", "phone": "0091-9876543210",
            "email": "asha@example.com", "dateOfBirth": datetime(1990, 5, 1, tzinfo=UTC),
            "gender": " Female ", "allergies": ["dust", "pollen"], "conditions": "asthma",
            "emergency_contact": {"name": "Ravi Rao", "phone": "+919876543299"},
            "language": "en", "consentDataUse": True, "consent_notifications": False,
        },
    ],
    ids=["camelCase", "snake_case", "short names", "mixed"],
)  # fmt: skip
def test_every_spelling_of_a_profile_reads_the_same(fields: dict[str, Any]) -> None:
    assert read(**fields) == FULL


def test_an_empty_profile_is_all_null_and_says_what_is_missing() -> None:
    assert read() == Profile(review_reasons=read().review_reasons)
    assert set(read().review_reasons) == MISSING


def test_blank_and_null_fields_count_as_absent() -> None:
    blank = dict.fromkeys(FIELDS, "  ")
    assert read(**blank) == read(**dict.fromkeys(FIELDS)) == read()


@pytest.mark.parametrize(
    ("value", "born"),
    [
        ("1990-05-01", date(1990, 5, 1)),
        ("1990-5-1", date(1990, 5, 1)),
        ("1990-05-01T00:00:00.000Z", date(1990, 5, 1)),
        ("1990-04-30T18:30:00Z", date(1990, 5, 1)),  # midnight in India
        ("1990-05-01T00:00:00", date(1990, 5, 1)),
        ("1990-05-01T00:00:00+05:30", date(1990, 5, 1)),
        (641520000000, date(1990, 5, 1)),
        (641520000000.0, date(1990, 5, 1)),
        (641500200000, date(1990, 5, 1)),
        (0, date(1970, 1, 1)),
        (-86400000, date(1969, 12, 31)),
        (datetime(1990, 4, 30, 18, 30, tzinfo=UTC), date(1990, 5, 1)),
        (datetime(1990, 5, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))), date(1990, 5, 1)),
        ("1900-01-01", date(1900, 1, 1)),
        ("2026-05-01", TODAY),
        ("2024-02-29", date(2024, 2, 29)),
    ],
)
def test_a_date_of_birth_is_read_in_each_form_the_apps_write(value: Any, born: date) -> None:
    assert read(dob=value).dob == born
    assert reasons(dob=value) == set()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("01/02/1990", "dob_ambiguous"),
        ("25/12/1990", "dob_ambiguous"),
        ("1-2-90", "dob_ambiguous"),
        (641520000001, "dob_ambiguous"),  # no midnight
        (641520000, "dob_ambiguous"),  # seconds
        ("1990-05-01T10:15:00Z", "dob_ambiguous"),
        (datetime(1990, 5, 1, 9, tzinfo=UTC), "dob_ambiguous"),
        ("2026-05-02", "dob_in_future"),
        ("1899-12-31", "dob_before_1900"),
        ("0001-01-01", "dob_before_1900"),
        ("1990-02-30", "dob_unreadable"),
        ("2023-02-29", "dob_unreadable"),
        ("1990-13-01", "dob_unreadable"),
        ("19900501", "dob_unreadable"),
        ("unknown", "dob_unreadable"),
        ("9999-12-31T18:30:00Z", "dob_ambiguous"),
        (True, "dob_unreadable"),
        (1.5, "dob_unreadable"),
        (float("nan"), "dob_unreadable"),
        (10**30, "dob_unreadable"),
        (["1990-05-01"], "dob_unreadable"),
        ({"seconds": 641520000}, "dob_unreadable"),
    ],
)
def test_a_date_of_birth_in_doubt_is_null_and_flagged(value: Any, reason: str) -> None:
    assert read(dob=value).dob is None
    assert reasons(dob=value) == {reason}


@pytest.mark.parametrize(
    ("fields", "name", "reason"),
    [
        ({"firstName": "Asha"}, "Asha", set[str]()),
        ({"lastName": "Rao"}, "Rao", set[str]()),
        ({"firstName": "मीरा", "lastName": "शर्मा"}, "मीरा शर्मा", set[str]()),
        ({"firstName": "Asha", "name": "Other"}, "Asha", set[str]()),
        ({"firstName": "Asha", "lastName": 5}, None, {"name_unreadable"}),
        ({"name": ["Asha"]}, None, {"name_unreadable"}),
        ({"name": "x" * 201}, None, {"name_unreadable"}),
        ({"name": "A\x00sha\nRao"}, "Asha Rao", set[str]()),
        ({"name": "\x00"}, None, {"name_unreadable"}),
    ],
)
def test_a_name_is_taken_as_given_or_not_at_all(
    fields: dict[str, Any], name: str | None, reason: set[str]
) -> None:
    assert read(**fields).name == name
    assert reasons(**fields) == reason


def test_an_explicit_empty_list_is_not_flagged_as_missing() -> None:
    profile = read(allergies=[], conditions=[])
    assert (profile.allergies, profile.chronic_conditions) == (None, None)
    assert "allergies_missing" not in profile.review_reasons
    assert "chronic_conditions_missing" not in profile.review_reasons


@pytest.mark.parametrize("value", [["dust", 5], [["dust"]], {"dust": True}, 7, True])
def test_allergies_that_are_half_readable_are_not_shown_as_all(value: Any) -> None:
    assert read(allergies=value).allergies is None
    assert reasons(allergies=value) == {"allergies_unreadable"}


@pytest.mark.parametrize(
    ("fields", "contact", "reason"),
    [
        ({"emergencyContactPhone": "+919876543299"}, "+919876543299", set[str]()),
        ({"emergencyContactName": "Ravi"}, "Ravi", {"emergency_contact_without_phone"}),
        ({"emergencyContact": 9876543299}, "9876543299", set[str]()),
        ({"emergencyContact": {"phone": 9876543299}}, "9876543299", set[str]()),
        ({"emergencyContact": {"relation": "son"}}, None, set[str]()),
        ({"emergencyContact": ["Ravi"]}, None, {"emergency_contact_unreadable"}),
        ({"emergencyContactName": "Ravi", "emergencyContactPhone": []}, None,
         {"emergency_contact_unreadable"}),
    ],
)  # fmt: skip
def test_an_emergency_contact_is_never_made_up(
    fields: dict[str, Any], contact: str | None, reason: set[str]
) -> None:
    assert read(**fields).emergency_contact == contact
    assert reasons(**fields) == reason


@pytest.mark.parametrize("value", ["male", "Male", " MALE"])
def test_a_gender_is_read_in_any_case(value: str) -> None:
    assert read(gender=value).gender == "Male"


def test_what_is_no_gender_language_or_consent_is_null_and_flagged() -> None:
    profile = read(gender="M", language="Hindi (India)", consentDataUse=1, consentNotifications="y")
    assert (profile.gender, profile.language) == (None, None)
    assert (profile.consent_data_use, profile.consent_notifications) == (None, None)
    flagged = set(profile.review_reasons) - MISSING
    assert flagged == {"gender_unreadable", "language_unreadable", "consent_unreadable"}


@pytest.mark.parametrize(("value", "tag"), [("hi", "hi"), ("EN_in", "en-in"), ("mr-IN", "mr-IN")])
def test_a_language_tag_keeps_its_region(value: str, tag: str) -> None:
    assert read(language=value).language == tag


def test_one_general_consent_stands_for_both_and_a_specific_one_comes_first() -> None:
    profile = read(consentGiven=True, consentNotifications=False)
    assert (profile.consent_data_use, profile.consent_notifications) == (True, False)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.datetimes(timezones=st.none() | st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # no timing is asserted
@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_whatever_a_profile_holds_it_is_read_or_flagged_with_a_known_code(
    fields: dict[str, Any],
) -> None:
    profile = read_profile(fields, TODAY)
    assert set(profile.review_reasons) <= REASONS
    assert profile.dob is None or date(1900, 1, 1) <= profile.dob <= TODAY
    for text in (profile.name, profile.allergies, profile.emergency_contact, profile.gender):
        assert text is None or (text.strip() == text != "" and "\x00" not in text)


@pytest.mark.parametrize(
    ("fields", "doctor"),
    [
        ({"firstName": "Asha", "lastName": "Rao"}, DoctorProfile("Asha", "Rao")),
        ({"name": "Asha Devi Rao"}, DoctorProfile("Asha Devi", "Rao")),
        ({"name": "Asha"}, DoctorProfile("Asha", "")),
        ({"lastName": "Rao"}, DoctorProfile("Rao", "")),
        (
            {"first_name": "Asha", "last_name": "Rao", "specialization": "ENT, cardiology,ENT",
             "licenseNo": "KMC-1"},
            DoctorProfile("Asha", "Rao", ("ENT", "cardiology"), "KMC-1"),
        ),
        (
            {"firstName": "Asha", "lastName": "Rao", "specialties": ["ENT", 5], "license_no": 7},
            DoctorProfile("Asha", "Rao", ("ENT",)),
        ),
    ],
)  # fmt: skip
def test_a_doctors_profile_is_read_as_given(fields: dict[str, Any], doctor: DoctorProfile) -> None:
    assert read_doctor(fields) == doctor


@pytest.mark.parametrize(
    ("fields", "code"),
    [({}, "doctor_name_missing"), ({"firstName": 5}, "doctor_name_unreadable")],
)
def test_a_doctor_without_a_name_is_parked(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(PermanentError, match=code):
        read_doctor(fields)
