import { describe, expect, it } from "vitest";
import { classifyAnswer } from "../../../src/destinations/teams/answer.ts";

const NOW = Date.UTC(2026, 10, 20, 14, 2, 11);
const refusal = (code: string) => JSON.stringify({ error: { code, message: "sig=SENTINEL, MISP's text" } });
const told = (error: string) =>
  `Webhook message delivery failed with error: Microsoft Teams endpoint returned ${error} with ContextId tcid=1`;

describe("classifyAnswer()", () => {
  it.each([
    [202, "", { kind: "unproven" }],
    [200, "", { kind: "unproven" }],
    [200, "<html>Please log in</html>", { kind: "unproven" }],
    [200, "1", { kind: "unproven" }],
    [200, "delivered", { kind: "done" }],
    [200, '"delivered"\n', { kind: "done" }],
    [200, told("HTTP error 429"), { kind: "retry_after", afterMs: 60_000, reason: "http-429" }],
    [200, told("HTTP error 413"), { kind: "message_rejected", reason: "http-413" }],
    [202, told("HTTP error 403"), { kind: "destination_rejected", reason: "http-403" }],
    [200, told("HTTP error 500"), { kind: "retry", reason: "http-500" }],
    [200, told("HTTP error 504"), { kind: "ambiguous", reason: "http-504" }],
    [200, "Webhook message delivery failed", { kind: "retry", reason: "teams-failed" }],
    [200, '{"error":{"code":"Whatever"}}', { kind: "retry", reason: "teams-failed" }],
    [200, refusal("WorkflowTriggerIsNotEnabled"), { kind: "destination_rejected", reason: "http-200" }],
    [400, "", { kind: "message_rejected", reason: "http-400" }],
    [400, refusal("TriggerInputSchemaMismatch"), { kind: "message_rejected", detail: "TriggerInputSchemaMismatch" }],
    [400, refusal("InvalidRequestContent"), { kind: "message_rejected" }],
    [400, refusal("MissingApiVersionParameter"), { kind: "destination_rejected", reason: "http-400" }],
    [400, refusal("WorkflowTriggerIsNotEnabled"), { kind: "destination_rejected", reason: "http-400" }],
    [401, refusal("DirectApiAuthorizationRequired"), { kind: "destination_rejected", reason: "http-401" }],
    [404, refusal("WorkflowNotFound"), { kind: "destination_rejected", detail: "WorkflowNotFound" }],
    [410, "", { kind: "destination_rejected", reason: "http-410" }],
    [413, "", { kind: "message_rejected", reason: "http-413" }],
    [429, refusal("WorkflowNotFound"), { kind: "retry_after", afterMs: 60_000, reason: "http-429" }],
    [500, refusal("WorkflowNotFound"), { kind: "retry", reason: "http-500" }],
    [502, "", { kind: "ambiguous", reason: "http-502" }],
    [503, "", { kind: "retry", reason: "http-503" }],
  ])("takes %i %j for what it is", (status, body, expected) => {
    const outcome = classifyAnswer({ status, body }, NOW);
    expect(outcome).toMatchObject(expected);
    expect(JSON.stringify(outcome)).not.toMatch(/SENTINEL|MISP's/);
  });

  it("waits for as long as it is told, in the body of a success, too", () => {
    expect(classifyAnswer({ status: 429, retryAfter: "7" }, NOW)).toMatchObject({ afterMs: 7000 });
    expect(classifyAnswer({ status: 200, retryAfter: "7", body: told("HTTP error 429") }, NOW)).toMatchObject({
      kind: "retry_after",
      afterMs: 7000,
      detail: "in the body of an answer with status 200",
    });
  });

  it.each([
    [{ status: 401 }, /Who can trigger the flow.*Anyone/],
    [{ status: 401, body: refusal("DirectApiInvalidAuthorizationScheme") }, /Anyone/],
    [{ status: 403 }, /new Workflows webhook/],
    [{ status: 404 }, /docs\/teams\.md/],
    [{ status: 410 }, /new Workflows webhook/],
    [{ status: 400 }, /template/],
    [{ status: 400, body: refusal("WorkflowTriggerIsNotEnabled") }, /switched off/],
    [{ status: 400, body: refusal("MissingApiVersionParameter") }, /not complete/],
    [{ status: 302 }, /not followed/],
    [{ status: 200, body: told("HTTP error 404") }, /new Workflows webhook/],
    [{ failure: { kind: "retry", reason: "tls" } as const }, /ca_file/],
  ])("says what the operator can do about %j", (reply, hint) => {
    expect(classifyAnswer(reply, NOW)).toMatchObject({ hint: expect.stringMatching(hint) });
  });

  it("has no advice where the operator can do nothing", () => {
    for (const status of [408, 413, 429, 500, 502, 503]) {
      expect(classifyAnswer({ status }, NOW)).not.toHaveProperty("hint");
    }
    expect(classifyAnswer({ failure: { kind: "ambiguous", reason: "timeout" } }, NOW)).toEqual({
      kind: "ambiguous",
      reason: "timeout",
    });
  });
});
