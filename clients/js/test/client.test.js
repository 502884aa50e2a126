import assert from "node:assert/strict";
import { test } from "node:test";

import { ConfigurationError, UnavailableError } from "../src/index.js";
import { entitlement, PROFESSIONAL, withKulanz } from "./far.js";

const AWAY = { status: 503, body: {} };

test("an answer younger than the ttl is not asked for again", () =>
  withKulanz(async (far) => {
    const client = far.client();

    const first = await client.entitlement("org_42");
    far.now = 29_000;
    const second = await client.entitlement("org_42");

    assert.equal(far.requests.length, 1);
    assert.equal(far.requests[0].headers.authorization, "Bearer a-token");
    assert.deepEqual([first.source, first.age], ["kulanz", 0]);
    assert.deepEqual([second.source, second.age, second.plan], ["cache", 29_000, "professional"]);
  }));

test("after the ttl the etag is sent, and a 304 makes the answer young again", () =>
  withKulanz(async (far) => {
    far.answer = ({ headers }) =>
      headers["if-none-match"] === '"v3"' ? { status: 304 } : { headers: { ETag: '"v3"' }, body: PROFESSIONAL };
    const client = far.client();

    await client.entitlement("org_42");
    far.now = 31_000;
    const again = await client.entitlement("org_42");

    assert.deepEqual([again.plan, again.source, again.age], ["professional", "kulanz", 0]);
    assert.equal(client.counts.not_modified, 1);
  }));

for (const [name, answer] of [
  ["a 503", AWAY],
  ["a 500", { status: 500, body: {} }],
  ["a closed connection", null],
  ["a proxy's page", { body: "<html>maintenance</html>" }],
  ["a redirect", { status: 302, headers: { Location: "/elsewhere" } }],
  ["a plain 404 of a proxy", { status: 404, headers: { "Content-Type": "text/plain" }, body: "no backend" }],
]) {
  test(`each call says what counts where ${name} comes instead of an answer`, () =>
    withKulanz(async (far) => {
      const client = far.client();
      await client.entitlement("org_42");
      far.answer = () => answer;
      far.now = 60_000;

      const known = await client.entitlement("org_42");
      const open = await client.entitlement("org_42", { onFailure: "open" });
      const closed = await client.entitlement("org_42", { onFailure: "closed" });

      assert.deepEqual([known.plan, known.source, known.age], ["professional", "last_known", 60_000]);
      assert.ok(client.covers(open, "enterprise"));
      assert.ok(!client.covers(closed, "professional"));
      await assert.rejects(client.entitlement("stranger"), UnavailableError);
      const { last_known, open: opened, closed: shut, unavailable } = client.counts;
      assert.deepEqual([last_known, opened, shut, unavailable], [1, 1, 1, 1]);
    }));
}

test("a kept connection that the server has closed is no outage", () =>
  withKulanz(async (far) => {
    far.answer = () => (far.requests.length === 1 ? null : { body: PROFESSIONAL });
    const client = far.client();

    assert.equal((await client.entitlement("org_42")).source, "kulanz");
    assert.equal(client.counts.failed, 0);
  }));

test("a server that does not answer in time is asked once, then left alone for a while", () =>
  withKulanz(async (far) => {
    far.answer = () => new Promise(() => {});
    const client = far.client({ timeout: 500 });

    for (const account of ["a", "b", "c"]) await assert.rejects(client.entitlement(account), UnavailableError);
    assert.equal(far.requests.length, 1);

    far.now = 5_001;
    far.answer = () => ({ body: PROFESSIONAL });
    assert.equal((await client.entitlement("org_42")).source, "kulanz");
    assert.equal(far.warnings.length, 2);
  }));

test("after the pause one caller tries for all", () =>
  withKulanz(async (far) => {
    const client = far.client();
    far.answer = () => AWAY;
    await assert.rejects(client.entitlement("org_1"), UnavailableError);
    far.now = 5_001;
    let release;
    const released = new Promise((resolve) => (release = resolve));
    far.answer = () => released.then(() => ({ body: PROFESSIONAL }));

    const trial = client.entitlement("org_2");
    await assert.rejects(client.entitlement("org_3"), UnavailableError);
    release();

    assert.equal((await trial).source, "kulanz");
    assert.equal(far.requests.length, 2);
  }));

test("a failure about one account keeps no other from being asked for", () =>
  withKulanz(async (far) => {
    const client = far.client();
    far.answer = ({ url }) => (url.includes("org_1") ? { status: 500, body: {} } : { body: PROFESSIONAL });

    await assert.rejects(client.entitlement("org_1"), UnavailableError);

    const others = await Promise.all(["org_42", "org_43"].map((account) => client.entitlement(account)));
    assert.deepEqual(others.map(({ source }) => source), ["kulanz", "kulanz"]);
    assert.deepEqual(far.warnings, []);
  }));

test("the pause that kulanz asks for is kept up to a minute", () =>
  withKulanz(async (far) => {
    far.answer = () => ({ status: 503, headers: { "Retry-After": "86400" }, body: {} });

    await assert.rejects(far.client().entitlement("org_42"), { retryAfter: 60_000 });
  }));

test("what is known is kept for a week and no longer", () =>
  withKulanz(async (far) => {
    const client = far.client();
    await client.entitlement("org_42");
    far.answer = () => AWAY;

    far.now = 7 * 24 * 3_600_000;
    assert.equal((await client.entitlement("org_42")).source, "last_known");

    far.now += 1;
    await assert.rejects(client.entitlement("org_42"), UnavailableError);
  }));

test("a redirect is not followed, with the token in hand", () =>
  withKulanz(async (far) => {
    far.answer = () => ({ status: 302, headers: { Location: "/elsewhere" } });

    await assert.rejects(far.client().entitlement("org_42"), ConfigurationError);

    assert.deepEqual(far.requests.map(({ url }) => url), ["/v1/accounts/org_42/entitlement"]);
  }));

test("an address with v1 at its end is understood", () =>
  withKulanz(async (far) => {
    await far.client({ url: `${far.url}/v1/` }).entitlement("org_42");

    assert.equal(far.requests[0].url, "/v1/accounts/org_42/entitlement");
  }));

test("the cache forgets what was not used for longest", () =>
  withKulanz(async (far) => {
    const client = far.client({ size: 2 });

    for (const account of ["org_1", "org_2", "org_1", "org_3", "org_1", "org_2"]) await client.entitlement(account);

    const asked = far.requests.map(({ url }) => url.split("/")[3]);
    assert.deepEqual(asked, ["org_1", "org_2", "org_3", "org_2"]);
  }));

test("an answer is believed though its version is earlier, as after a restored backup", () =>
  withKulanz(async (far) => {
    const client = far.client();
    await client.entitlement("org_42");
    far.now = 60_000;
    far.answer = () => ({ body: entitlement("free", 1) });

    assert.equal((await client.entitlement("org_42")).version, 1);
  }));

test("a refused token is an error right after an outage too", () =>
  withKulanz(async (far) => {
    const client = far.client();
    await client.entitlement("org_42");
    far.now = 60_000;
    far.answer = () => AWAY;
    await client.entitlement("org_42");
    far.now += 5_000;
    far.answer = () => ({ status: 401, body: {} });

    for (let times = 0; times < 2; times += 1) await assert.rejects(client.entitlement("org_42"), ConfigurationError);
  }));

test("a refused token is an error in every mode, with a last known answer or without", () =>
  withKulanz(async (far) => {
    const client = far.client();
    await client.entitlement("org_42");
    far.now = 60_000;

    for (const status of [401, 403]) {
      far.answer = () => ({ status, body: {} });
      for (const onFailure of ["last_known", "open", "closed"]) {
        await assert.rejects(client.entitlement("org_42", { onFailure }), ConfigurationError);
      }
    }
  }));

test("an unknown account has the free plan, and is not known", () =>
  withKulanz(async (far) => {
    far.answer = ({ url }) => (url.endsWith("openapi.json") ? { body: {} } : { status: 404, body: {} });

    const stranger = await far.client().entitlement("stranger");

    assert.deepEqual([stranger.plan, stranger.access, stranger.known], ["free", "free", false]);
  }));

test("a wrong path is an error, and makes no payer an unknown account", () =>
  withKulanz(async (far) => {
    far.answer = () => ({ status: 404, body: {} });

    await assert.rejects(far.client().entitlement("org_42"), ConfigurationError);
  }));

test("callers at the same time share one question", () =>
  withKulanz(async (far) => {
    const client = far.client();

    const answers = await Promise.all(Array.from({ length: 20 }, () => client.entitlement("org_42")));

    assert.equal(far.requests.length, 1);
    assert.ok(answers.every(({ plan }) => plan === "professional"));
  }));

test("plans rise in the given order, an unlisted one stands just above free, and no access covers nothing", () =>
  withKulanz(async (far) => {
    const client = far.client();
    const read = async (document) => {
      far.answer = () => ({ body: document });
      return client.entitlement("org_42", { refresh: true });
    };

    const enterprise = await read(entitlement("enterprise", 1));
    const unlisted = await read(entitlement("startup", 2));
    const none = await read(entitlement("free", 3, { access: "none" }));

    assert.ok(client.covers(enterprise, "professional"));
    assert.ok(!client.covers(unlisted, "professional"));
    assert.ok(client.covers(unlisted, "free"));
    assert.ok(!client.covers(none, "free"));
    assert.throws(() => client.covers(enterprise, "profesional"), RangeError);
  }));

test("a notice is passed on where there is one", () =>
  withKulanz(async (far) => {
    const notice = { severity: "warning", text: "Pay.", deadline: "2026-03-08T14:08:20Z", link: "https://pay.example" };
    far.answer = () => ({ body: entitlement("professional", 1, { notice }) });

    const told = (await far.client().entitlement("org_42")).notice;

    assert.deepEqual(told, { ...notice, deadline: new Date(notice.deadline), who: null });
  }));

test("the language of notices is asked for where the product has one", () =>
  withKulanz(async (far) => {
    await far.client({ language: "de-AT, en;q=0.5" }).entitlement("org_42");
    await far.client().entitlement("org_42");

    assert.deepEqual(
      far.requests.map(({ headers }) => headers["accept-language"]),
      ["de-AT, en;q=0.5", "*"],
    );
  }));

test("every id that Kulanz takes is asked for", () =>
  withKulanz(async (far) => {
    for (const account of ["auth0|5f7c8ec7", "ada+shop@example.com", "_org"]) await far.client().entitlement(account);

    assert.deepEqual(
      far.requests.map(({ url }) => url.split("/")[3]),
      ["auth0%7C5f7c8ec7", "ada%2Bshop%40example.com", "_org"],
    );
  }));

test("an id that Kulanz cannot have and a wrong address or token are refused at once", () =>
  withKulanz(async (far) => {
    for (const account of ["", "..", "a/b", "x".repeat(129)]) {
      await assert.rejects(far.client().entitlement(account), RangeError);
    }
    for (const wrong of [{ url: "kulanz" }, { url: "http://me:pw@host" }, { token: "" }, { callbackSecret: "whsec_!" }]) {
      assert.throws(() => far.client(wrong), ConfigurationError);
    }
  }));
