from __future__ import annotations

import base64
from pathlib import Path

import pytest

from kulanz.config import ApiToken, OpsUser, Settings, load, masked, misspelt
from kulanz.errors import ConfigurationError
from kulanz.policy import document

KEY = bytes(range(32))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"KULANZ_DATA_DIR": str(tmp_path), "ENCRYPTION_KEYS": KEY.hex()}


def problems_of(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        load(environ)
    return refused.value.problems


def test_defaults_are_those_of_the_contract(environ, tmp_path):
    settings = load(environ)

    assert settings == Settings(
        data_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/kulanz.db", encryption_keys=(KEY,)
    )
    assert (settings.port, settings.policy, settings.timezone, settings.country) == (8000, "plexo", "UTC", "AT")
    assert (settings.lemonsqueezy_mode, settings.account_key, settings.mail_locale) == ("live", "account_id", "en")


def test_an_empty_variable_is_unset(environ):
    settings = load({**environ, "PORT": "", "REDIS_URL": "  ", "CALLBACK_URL": ""})

    assert (settings.port, settings.redis_url, settings.callback_url) == (8000, None, None)


def test_every_kind_of_value_is_read(environ):
    settings = load(
        environ
        | {
            "PORT": "9000",
            "DATABASE_URL": "postgres://u:p@db/kulanz",
            "LEMONSQUEEZY_WEBHOOK_SECRETS": "new, old",
            "LEMONSQUEEZY_STORE_ID": "1,2",
            "KULANZ_PLANS": "lemonsqueezy:394420=Professional,lemonsqueezy:1=addon:seats,stripe:price_x=enterprise",
            "API_TOKENS": "till:abc,board:def:read,bare",
            "OPS_PASSWORD": "pw",
            "OPS_USERS": "ann:a:b:read",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "CALLBACK_URL": "http://10.0.0.5/hook",
            "CALLBACK_SECRET": "whsec_" + base64.b64encode(KEY).decode(),
            "SMTP_URL": "smtp://user:pass@mail:587",
        }
    )

    assert settings.port == 9000
    assert settings.database_url == "postgresql://u:p@db/kulanz"
    assert settings.lemonsqueezy_webhook_secrets == ("new", "old")
    assert settings.lemonsqueezy_store_ids == {"1", "2"}
    assert settings.plans == (
        ("lemonsqueezy:394420", "professional"),
        ("lemonsqueezy:1", "addon:seats"),
        ("stripe:price_x", "enterprise"),
    )
    assert settings.api_tokens == (ApiToken("till", "abc"), ApiToken("board", "def", True), ApiToken("api", "bare"))
    assert settings.ops_users == (OpsUser("ops", "pw"), OpsUser("ann", "a:b", True))
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize("text", [KEY.hex(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode()])
def test_an_encryption_key_is_hexadecimal_or_base64(environ, text):
    assert load({**environ, "ENCRYPTION_KEYS": f"{text},{'00' * 32}"}).encryption_keys == (KEY, bytes(32))


@pytest.mark.parametrize("text", ["a..b@x.de", "ops@shop.example,two@shop.example", "ops", "Ops <ops@shop.example>"])
def test_alerts_go_to_exactly_one_address(environ, text):
    assert problems_of({**environ, "OPS_ALERT_TO": text}) == ["OPS_ALERT_TO: expected a mail address"]


def test_channels_of_alerts_are_addresses_with_their_topics_and_are_shown_without_their_secrets(environ):
    settings = load(
        {
            **environ,
            "ALERT_URLS": "json://hush.example/x, urgent|overpaid=discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        }
    )

    everything, some = settings.alert_channels

    assert (everything.takes("overpaid"), everything.takes("no_such_topic")) == (True, True)
    assert [topic for topic in ("overpaid", "parked_events", "reconcile_found") if some.takes(topic)] == [
        "overpaid",
        "parked_events",
    ]
    assert masked(settings)["ALERT_URLS"] == "json://****,overpaid|urgent=discord://****"


@pytest.mark.parametrize("text", ["hush", "nosuch://hush/x", "hushed_topic=json://a.example", "slack://hush", ","])
def test_a_channel_that_cannot_work_is_refused_at_start_and_not_repeated(environ, text):
    (problem,) = problems_of({**environ, "ALERT_URLS": text})

    assert problem.startswith("ALERT_URLS: expected addresses of Apprise")
    assert "hush" not in problem


@pytest.mark.parametrize("text", ["billing@faß.example", "Shop & Co. <billing@shop.example>", "kulanz@localhost"])
def test_a_sender_is_an_address_with_or_without_a_name(environ, text):
    assert load({**environ, "MAIL_FROM": text}).mail_from == text


@pytest.mark.parametrize("text", ["Shop <bil..ling@shop.example>", "Shop", "a@shop.example\nBcc: b@shop.example"])
def test_a_sender_without_a_usable_address_is_refused(environ, text):
    assert problems_of({**environ, "MAIL_FROM": text}) == [
        "MAIL_FROM: expected a mail address, or a name and <a mail address>"
    ]


def test_all_problems_are_named_at_once_and_no_secret_is_repeated(environ):
    environ |= {
        "PORT": "http",
        "ENCRYPTION_KEYS": "hush-too-short",
        "API_TOKENS": "a:hush:write",
        "CALLBACK_SECRET": "hush",
        "KULANZ_TIMEZONE": "Vienna",
        "LEMONSQUEEZY_WEBHOOK_SECRETS": ",",
        "REDIS_URL": "http://hush",
    }

    problems = problems_of(environ)

    assert {problem.partition(":")[0] for problem in problems} == set(environ) - {"KULANZ_DATA_DIR"}
    assert "hush" not in str(problems)


def test_without_an_encryption_key_nothing_starts(tmp_path):
    (problem,) = problems_of({"KULANZ_DATA_DIR": str(tmp_path)})

    assert problem.startswith("ENCRYPTION_KEYS is not set")


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"LEMONSQUEEZY_MODE": "any"}, "KULANZ_TEST_CLOCK"),
        ({"KULANZ_TEST_CLOCK": "1", "LEMONSQUEEZY_MODE": "live"}, "refused"),
        ({"KULANZ_REQUIRE_SIGNED_ACCOUNTS": "1"}, "KULANZ_ACCOUNT_SECRET"),
        ({"CALLBACK_URL": "https://shop.example/hook"}, "CALLBACK_SECRET"),
        ({"LEMONSQUEEZY_API_URL": "http://169.254.169.254/v1"}, "link-local"),
        ({"CALLBACK_URL": "http://[fd00:ec2::254]/latest", "CALLBACK_SECRET": "whsec_c2VjcmV0"}, "metadata"),
        ({"STRIPE_API_URL": "http://[::ffff:100.100.100.200]/"}, "metadata"),
        ({"PADDLE_API_URL": "http://168.63.129.16/"}, "metadata"),
        ({"KULANZ_PLANS": "a:1=pro,a:1=basic"}, "twice"),
    ],
)
def test_a_contradiction_is_refused(environ, changed, word):
    (problem,) = problems_of(environ | changed)

    assert word in problem


def test_stored_secrets_fill_what_the_environment_leaves_out(environ, tmp_path):
    del environ["ENCRYPTION_KEYS"]
    (tmp_path / "secrets.toml").write_text(f'ENCRYPTION_KEYS = "{KEY.hex()}"\nAPI_TOKENS = "api:stored"\n')

    settings = load({**environ, "API_TOKENS": "given"})

    assert settings.encryption_keys == (KEY,)
    assert settings.api_tokens == (ApiToken("api", "given"),)


def test_the_file_holds_what_does_not_fit_a_variable(environ, tmp_path):
    file = tmp_path / "kulanz.toml"
    file.write_text(
        """
        port = 9000
        timezone = "ignored"
        [endpoints.lemonsqueezy]
        secrets = ["with,comma", "second"]
        [plans]
        "lemonsqueezy:2" = "professional"
        "lemonsqueezy:1" = "enterprise"
        [SENTINEL]
        INSTANCES = [["10.0.0.1", 26379], ["10.0.0.2", 26379]]
        MASTER_NAME = "doorbell"
        PASSWORD = "p@ss"
        """
    )

    assert problems_of({**environ, "KULANZ_CONFIG": str(file)}) == ["KULANZ_CONFIG: timezone is not a setting"]

    file.write_text(file.read_text().replace("timezone", "KULANZ_TIMEZONE").replace("ignored", "Europe/Vienna"))
    settings = load({**environ, "KULANZ_CONFIG": str(file), "PORT": "7000"})
    assert (settings.port, settings.timezone) == (7000, "Europe/Vienna")
    assert settings.lemonsqueezy_webhook_secrets == ("with,comma", "second")
    assert settings.plans == (("lemonsqueezy:2", "professional"), ("lemonsqueezy:1", "enterprise"))
    assert settings.redis_url == "redis+sentinel://:p%40ss@10.0.0.1:26379,10.0.0.2:26379/doorbell/0"


def test_an_unreadable_file_is_a_problem_that_does_not_quote_it(environ, tmp_path):
    file = tmp_path / "kulanz.toml"
    file.write_text('SMTP_URL = "hush')

    (problem,) = problems_of({**environ, "KULANZ_CONFIG": str(file)})

    assert "not TOML" in problem
    assert "hush" not in problem


def test_masked_settings_show_names_and_hosts_but_no_secret(environ):
    shown = masked(
        load(
            environ
            | {
                "DATABASE_URL": "postgresql://user:hush@db/kulanz?password=hush",
                "API_TOKENS": "till:hush:read",
                "LEMONSQUEEZY_WEBHOOK_SECRETS": "hush,hush2",
                "OPS_PASSWORD": "hush",
                "KULANZ_PLANS": "a:1=pro",
            }
        )
    )

    assert shown["DATABASE_URL"] == "postgresql://user:****@db/kulanz?****"
    assert shown["API_TOKENS"] == "till:****:read"
    assert shown["LEMONSQUEEZY_WEBHOOK_SECRETS"] == "****,****"
    assert shown["KULANZ_PLANS"] == "a:1=pro"
    assert "hush" not in str(shown)


def test_settings_do_not_show_secrets_when_printed(environ):
    assert KEY.hex() not in repr(load(environ))
    assert "encryption" not in repr(load(environ))


def test_the_demo_brings_its_test_clock_and_takes_events_of_either_mode(environ):
    settings = load({**environ, "KULANZ_DEMO": "1"})

    assert (settings.test_clock, settings.lemonsqueezy_mode) == (True, "any")


def test_a_demonstration_reaches_nobody_but_this_machine(environ):
    far = {
        "LEMONSQUEEZY_API_KEY": "key",
        "STRIPE_API_KEY": "key",
        "PADDLE_API_KEY": "key",
        "POLAR_API_KEY": "key",
        "DODO_API_KEY": "key",
        "CALLBACK_URL": "https://product.example/hook",
        "CALLBACK_SECRET": "whsec_AAAA",
        "SMTP_URL": "smtp://mail.example",
    }
    near = {
        "LEMONSQUEEZY_API_URL": "http://127.0.0.1:1/v1",
        "STRIPE_API_URL": "http://127.0.0.1:1/v1",
        "PADDLE_API_URL": "http://127.0.0.1:1",
        "POLAR_API_URL": "http://127.0.0.1:1",
        "DODO_API_URL": "http://127.0.0.1:1",
        "CALLBACK_URL": "http://localhost/",
        "SMTP_URL": "smtp://[::1]",
    }

    away = load(environ | far | {"KULANZ_DEMO": "1"})
    here = load(environ | far | near | {"KULANZ_DEMO": "1"})

    assert (away.lemonsqueezy_api_key, away.stripe_api_key, away.paddle_api_key) == (None, None, None)
    assert (away.polar_api_key, away.dodo_api_key) == (None, None)
    assert (here.polar_api_key, here.dodo_api_key) == ("key", "key")
    assert (away.callback_url, away.smtp_url) == (None, None)
    assert (here.lemonsqueezy_api_key, here.stripe_api_key, here.paddle_api_key) == ("key", "key", "key")
    assert here.callback_url == "http://localhost/"


def test_a_policy_that_cannot_be_used_is_a_problem_of_the_settings(environ, tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text('name = "x"\ncolour = "red"\n', encoding="utf-8")

    assert problems_of({**environ, "KULANZ_POLICY": "nope", "PORT": "x"}) == [
        "PORT: expected a number from 1 to 65535",
        "KULANZ_POLICY: no policy preset 'nope'; there are: " + ", ".join(document.presets()),
    ]
    assert problems_of({**environ, "KULANZ_POLICY": "/nowhere.toml"}) == ["KULANZ_POLICY: /nowhere.toml cannot be read"]
    assert any("colour" in problem for problem in problems_of({**environ, "KULANZ_POLICY": str(broken)}))


@pytest.mark.parametrize(("text", "size"), [("", 256), ("off", 0), ("0", 0), ("64", 64)])
def test_the_spool_has_a_size_and_can_be_switched_off(environ, text, size):
    assert load({**environ, "KULANZ_SPOOL": text}).spool == size


def test_a_size_of_the_spool_that_is_none_is_a_problem(environ):
    assert problems_of({**environ, "KULANZ_SPOOL": "plenty"}) == ["KULANZ_SPOOL: expected a number of MiB, or off"]


@pytest.mark.parametrize("query", ["pool=statement", "pool=", "pool=session&pool=transaction"])
def test_a_mode_of_a_pooler_that_is_none_is_a_problem(environ, query):
    (problem,) = problems_of({**environ, "DATABASE_URL": f"postgresql://db/kulanz?{query}"})

    assert problem.startswith("DATABASE_URL: expected")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRETS"),
        ("ENCRYPTION_KEY", "ENCRYPTION_KEYS"),
        ("API_TOKEN", "API_TOKENS"),
        ("STMP_URL", "SMTP_URL"),
        ("stripe_api_key", "STRIPE_API_KEY"),
        ("KULANZ_DATABASE_URL", "DATABASE_URL"),
        ("KULANZ_POLICIES", "KULANZ_POLICY"),
        ("KULANZ_PORT", "PORT"),
        ("KULANZ_DATADIR", "KULANZ_DATA_DIR"),
    ],
)
def test_a_misspelt_setting_is_named_with_the_one_that_was_meant(name, meant):
    assert misspelt({name: "8080"}) == (f"{name} is not a setting: did you mean {meant}?",)


def test_an_unknown_name_of_ours_is_named_even_where_nothing_is_like_it():
    assert misspelt({"KULANZ_COLOUR": "red"}) == ("KULANZ_COLOUR is not a setting",)


@pytest.mark.parametrize(
    "environ",
    [
        {"PATH": "/bin", "HOME": "/root", "STRIPE_SECRET_KEY": "x", "REDIS_HOST": "x", "MAIL_HOST": "x"},
        {"STRIPE_WEBHOOK_SECRET": "the shop's own", "STRIPE_WEBHOOK_SECRETS": "ours"},
        {"STRIPE_WEBHOOK_SECRET": " "},
        {"KULANZ_SERVICE_HOST": "10.0.0.1", "KULANZ_PORT": "tcp://10.0.0.1:80", "KULANZ_PORT_80_TCP_ADDR": "10.0.0.1"},
        {"KULANZ_WEB_SERVICE_PORT_HTTP": "80", "KULANZ_CONFIG": "/etc/kulanz.toml", "KULANZ_DATA_DIR": "/srv"},
    ],
)
def test_the_names_of_others_are_left_alone(environ):
    assert misspelt(environ) == ()


def test_where_settings_are_refused_a_misspelt_one_is_named_too(tmp_path):
    problems = problems_of({"KULANZ_DATA_DIR": str(tmp_path), "ENCRYPTION_KEY": "00" * 32})

    assert problems[0].startswith("ENCRYPTION_KEYS is not set")
    assert problems[1:] == ["ENCRYPTION_KEY is not a setting: did you mean ENCRYPTION_KEYS?"]


def test_a_mark_of_the_byte_order_is_no_part_of_a_file(environ, tmp_path):
    secret, config = tmp_path / "secret", tmp_path / "kulanz.toml"
    secret.write_bytes(b"\xef\xbb\xbfhush\r\n")
    config.write_bytes(b'\xef\xbb\xbfBRAND_NAME = "Plexo"\n')
    files = {"LEMONSQUEEZY_WEBHOOK_SECRETS_FILE": str(secret), "KULANZ_CONFIG": str(config)}

    settings = load(environ | files)

    assert (settings.lemonsqueezy_webhook_secrets, settings.brand_name) == (("hush",), "Plexo")


@pytest.mark.parametrize("content", ["new\nold", "new,\r\nold", "new\told", "new\0", "new\u200b"])
def test_a_file_with_a_secret_has_one_line(environ, tmp_path, content):
    secret = tmp_path / "secret"
    secret.write_text(content)

    (problem,) = problems_of(environ | {"LEMONSQUEEZY_WEBHOOK_SECRETS_FILE": str(secret)})

    assert problem.startswith("LEMONSQUEEZY_WEBHOOK_SECRETS_FILE: the file has more than one line")
    assert "new" not in problem


@pytest.mark.parametrize("content", ["PORT = " + "9" * 5000, "PORT = " + "[" * 20_000], ids=["long", "deep"])
def test_a_file_that_no_reader_can_take_is_a_problem(environ, tmp_path, content):
    file = tmp_path / "kulanz.toml"
    file.write_text(content)

    (problem,) = problems_of({**environ, "KULANZ_CONFIG": str(file)})

    assert problem.startswith(f"{file}: not TOML")
