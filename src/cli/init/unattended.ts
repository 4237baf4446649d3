import { UsageError } from "../../base/errors.ts";
import type { Context } from "../context.ts";
import { type Answers, type Confidential, variableOf } from "./document.ts";
import type { Given } from "./questions.ts";

/** The secrets that a command line does not hold, by the names of their files, and when each is read. */
export const SECRETS = [
  { name: "misp_api_key", when: "with --url: the REST API is asked" },
  { name: "zmq_password", when: "with --username" },
  { name: "slack_token", when: "with --type slack and --channel" },
  { name: "slack_webhook_url", when: "with --type slack, without --channel" },
  { name: "teams_webhook_url", when: "with --type teams" },
  { name: "webhook_url", when: "with --type webhook" },
  { name: "webhook_secret", when: "with --type webhook: signs every request; may be absent" },
  { name: "smtp_password", when: "with --type email and --smtp-username" },
] as const;
type SecretName = (typeof SECRETS)[number]["name"];

/** The answers of a command line; secrets come from the environment, where the configuration then looks for them. */
export function unattended(given: Given, env: Context["env"]): Answers {
  const { url, endpoints, username, type = "console", channel, apiUrl, maxTlp, audience = [] } = given;
  if (!endpoints || !maxTlp) {
    throw new UsageError("--yes needs --endpoint and --max-tlp");
  }
  const secret = (name: SecretName): Confidential | undefined => {
    const value = env[variableOf(name)];
    return value ? { name, value } : undefined;
  };
  const need = (name: SecretName, why: string): Confidential => {
    const found = secret(name);
    if (!found) {
      throw new UsageError(`${why} needs the environment variable ${variableOf(name)}`);
    }
    return found;
  };
  const options = (): Answers["destination"]["options"] => {
    switch (type) {
      case "console":
        return {};
      case "slack":
        if (channel === undefined) {
          return { webhook_url: need("slack_webhook_url", "--type slack without --channel") };
        }
        return {
          token: need("slack_token", "--type slack"),
          channel,
          ...(apiUrl !== undefined && { api_url: apiUrl }),
        };
      case "teams":
        return { webhook_url: need("teams_webhook_url", "--type teams") };
      case "webhook": {
        const signing = secret("webhook_secret");
        return { url: need("webhook_url", "--type webhook"), ...(signing && { secret: signing }) };
      }
      case "email": {
        const { smtpHost: host, smtpPort: port, smtpUsername: user, from, to } = given;
        if (host === undefined || from === undefined || to === undefined) {
          throw new UsageError("--type email needs --smtp-host, --from and --to");
        }
        const password = user === undefined ? {} : { password: need("smtp_password", "--smtp-username") };
        return {
          smtp: {
            host,
            ...(port !== undefined && { port }),
            ...(user !== undefined && { username: user, ...password }),
          },
          from,
          to,
        };
      }
    }
  };
  const apiKey = secret("misp_api_key");
  return {
    ...(url !== undefined && { url }),
    ...(url !== undefined && apiKey && { apiKey }),
    endpoints,
    ...(username !== undefined && { username, password: need("zmq_password", "--username") }),
    destination: { type, options: options() },
    maxTlp,
    audience,
  };
}
