import { UsageError } from "../../base/errors.ts";
import type { Context } from "../context.ts";
import { type Answers, type Confidential, variableOf } from "./document.ts";
import type { Given } from "./questions.ts";

/** The answers of a command line; secrets come from the environment, where the configuration then looks for them. */
export function unattended(given: Given, env: Context["env"]): Answers {
  const { url, endpoints, username, type = "console", channel, apiUrl, maxTlp, audience = [] } = given;
  if (!endpoints || !maxTlp) {
    throw new UsageError("--yes needs --endpoint and --max-tlp");
  }
  const secret = (name: string): Confidential | undefined => {
    const value = env[variableOf(name)];
    return value ? { name, value } : undefined;
  };
  const need = (name: string, why: string): Confidential => {
    const found = secret(name);
    if (!found) {
      throw new UsageError(`${why} needs the environment variable ${variableOf(name)}`);
    }
    return found;
  };
  const options = () => {
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
      case "email":
        throw new UsageError("--yes cannot set up email, which takes more answers: run init at a terminal");
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
