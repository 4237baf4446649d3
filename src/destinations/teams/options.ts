import { z } from "zod";
import { CA_FILE, SecretText } from "../../base/schema.ts";

const LOOPBACK = /^(localhost|.*\.localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

/** Hosts of Power Automate, of the public cloud and the national ones. */
const POWER_AUTOMATE = [
  ".api.powerplatform.com",
  ".api.powerautomate.com",
  ".flow.microsoft.com",
  ".api.gov.powerplatform.microsoft.us",
  ".api.high.powerplatform.microsoft.us",
  ".api.appsplatform.us",
  ".api.powerplatform.partner.microsoftonline.cn",
];
/** Azure API Management, which companies put before their flows; its URLs have no signature of their own. */
const GATEWAYS = [".azure-api.net", ".azure-api.us", ".azure-api.cn"];

const endsIn = (host: string, suffixes: readonly string[]) => suffixes.some((suffix) => host.endsWith(suffix));

/** What is wrong with a webhook URL, without any of it; undefined: nothing. */
function problemWith(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) {
    return "must be the complete URL of a Workflows webhook";
  }
  const isLocal = LOOPBACK.test(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal)) {
    return "must start with https:// (http:// only towards this machine)";
  }
  if (url.username !== "" || url.password !== "") {
    return "must not hold a user or password: a Workflows webhook is secured by the signature in its URL";
  }
  // A name that never exists (RFC 6761 6.4) stands in for a URL that is not at hand where a configuration is only checked.
  if (isLocal || url.hostname.endsWith(".invalid")) {
    return undefined;
  }
  if (endsIn(`.${url.hostname}`, [".webhook.office.com", ".outlook.office.com", ".outlook.office365.com"])) {
    return "is of an Office 365 connector, which Microsoft has switched off: make a Workflows webhook for the channel instead (docs/teams.md says how) and give its URL";
  }
  if (endsIn(url.hostname, [".logic.azure.com", ".logic.azure.us"])) {
    return "is the old URL of a workflow, which stopped working in November 2025: open the flow in Power Automate and copy its new URL";
  }
  if (!endsIn(url.hostname, [...POWER_AUTOMATE, ...GATEWAYS])) {
    return "is not of a Workflows webhook: its host would end in .api.powerplatform.com";
  }
  return endsIn(url.hostname, POWER_AUTOMATE) && !url.searchParams.has("sig")
    ? "is cut off, it has no sig=…: copy the whole URL, and quote it where it is set (a shell ends it at the first &)"
    : undefined;
}

/** Options of `type: teams`. */
export const TEAMS_OPTIONS = {
  webhook_url: SecretText.superRefine((secret, context) => {
    const message = problemWith(secret.reveal());
    if (message !== undefined) {
      context.addIssue({ code: "custom", message });
    }
  }).describe("Of a Workflows webhook; docs/teams.md says how to get it. A secret."),
  ca_file: z.string().min(1).optional().describe(CA_FILE),
} as const;
