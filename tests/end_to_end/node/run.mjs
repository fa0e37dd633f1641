// node run.mjs '{"openai": "http://127.0.0.1:8100/v1", ...}': every scenario for every cloud, a line of JSON each.
//   {"provider", "scenario", "error": null or a stack}
// Where the SDK is not installed the only line is {"missing": why}.
import { SCENARIOS } from "./scenarios.mjs";
import { load } from "./sdk.mjs";

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function run(sdk, provider, baseURL) {
  const client = new sdk.OpenAI({ baseURL, apiKey: "unused", maxRetries: 0, timeout: 20_000 });
  for (const [scenario, act] of Object.entries(SCENARIOS)) {
    const error = await act({ sdk, client, provider }).then(() => null, (caught) => String(caught.stack ?? caught));
    say({ provider, scenario, error });
  }
}

let sdk;
try {
  sdk = load();
} catch (error) {
  if (error.code !== "MODULE_NOT_FOUND") throw error;
  say({ missing: error.message.split("\n")[0] });
}
if (sdk) await Promise.all(Object.entries(JSON.parse(process.argv[2])).map(([provider, url]) => run(sdk, provider, url)));
