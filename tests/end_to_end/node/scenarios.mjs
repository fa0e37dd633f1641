// What a Node program does with the official OpenAI SDK, once for each cloud. A scenario throws where it did not go well.
import assert from "node:assert/strict";
import { PDF_URL, PNG_URL } from "./media.mjs";

const MODEL = "medium";
const TWO_CITIES = "What is the weather in Paris and Oslo?";
const RESULTS = { Paris: "18C and sunny", Oslo: "5C and rain" };
const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const WEATHER = { type: "function", function: { name: "get_weather", description: "The weather of a city", parameters: CITY } };
const PERSON = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" }, tags: { type: "array", items: { type: "string" } } },
  required: ["name", "age", "tags"],
  additionalProperties: false,
};
const AS_PERSON = { type: "json_schema", json_schema: { name: "person", schema: PERSON, strict: true } };

const user = (content) => [{ role: "user", content }];
const city = (call) => JSON.parse(call.function.arguments).city;
const result = (call) => ({ role: "tool", tool_call_id: call.id, content: RESULTS[city(call)] });

async function collected(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

async function ask(client, content, more = {}) {
  const completion = await client.chat.completions.create({ model: MODEL, messages: user(content), ...more });
  return completion.choices[0];
}

/** The last answer of a loop that runs tools; `step` makes one call and gives its choice. */
async function loop(messages, step) {
  for (let round = 0; round < 4; round++) {
    const { message, finish_reason: finish } = await step(messages);
    messages.push(message);
    if (!message.tool_calls?.length) {
      assert.equal(finish, "stop");
      return message.content;
    }
    assert.equal(finish, "tool_calls");
    messages.push(...message.tool_calls.map(result));
  }
  assert.fail("the loop did not end");
}

const plainly = (client, more) => async (messages) => {
  const completion = await client.chat.completions.create({ model: MODEL, messages, tools: [WEATHER], ...more });
  return completion.choices[0];
};

const streaming = (client, more) => async (messages) => {
  const stream = client.chat.completions.stream({ model: MODEL, messages, tools: [WEATHER], ...more });
  return (await stream.finalChatCompletion()).choices[0];
};

function bothCities(told) {
  for (const weather of Object.values(RESULTS)) assert.ok(told.includes(weather), told);
}

/** The tools as the SDK's own runner wants them, and the cities that it was asked for. */
function runnable() {
  const asked = [];
  const run = ({ city: name }) => (asked.push(name), RESULTS[name]);
  return { asked, tools: [{ type: "function", function: { ...WEATHER.function, parse: JSON.parse, function: run } }] };
}

/** Grok's Chat has no reasoning state; a developer message leads its calls to Responses, which has. */
const thoughtful = () => [{ role: "developer", content: "Be brief." }, ...user(TWO_CITIES)];
const EFFORT = { reasoning_effort: "medium" };

async function failing(sdk, client, mark, kind, status, more = {}) {
  const call = client.chat.completions.create({ model: MODEL, messages: user(`Please fail ${mark}`), ...more });
  const error = await call.then(() => assert.fail("no error"), (caught) => caught);
  assert.ok(error instanceof sdk[kind], `${error.constructor.name}: ${error.message}`);
  assert.equal(error.status, status);
  assert.equal(typeof error.type, "string");
  return error;
}

/** Name -> what to do. `here` has the SDK, a client of one cloud, and the cloud's name. */
export const SCENARIOS = {
  async chat({ client }) {
    const completion = await client.chat.completions.create({ model: MODEL, messages: user("Say hello.") });
    const [choice] = completion.choices;
    assert.equal(completion.object, "chat.completion");
    assert.equal(choice.message.role, "assistant");
    assert.equal(choice.finish_reason, "stop");
    assert.ok(choice.message.content);
    const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = completion.usage;
    assert.ok(input > 0 && output > 0);
    assert.ok(total >= input + output); // xAI's own bytes count reasoning apart
  },

  async history({ client }) {
    const messages = [
      { role: "system", content: "You are terse." },
      { role: "developer", content: "Answer in English." },
      ...user("My name is Ada."),
      { role: "assistant", content: "Hello Ada." },
      ...user([{ type: "text", text: "What is my name?" }]),
    ];
    const completion = await client.chat.completions.create({ model: MODEL, messages });
    assert.match(completion.choices[0].message.content, /Ada/);
  },

  async stream({ client }) {
    const asked = { model: MODEL, messages: user("Tell me of the sea.") };
    const plain = await client.chat.completions.create(asked);
    const chunks = await collected(
      await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } }),
    );
    const told = chunks.filter((chunk) => chunk.choices.length);
    assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
    assert.equal(told[0].choices[0].delta.role, "assistant");
    assert.equal(told.map((chunk) => chunk.choices[0].delta.content ?? "").join(""), plain.choices[0].message.content);
    assert.deepEqual(told.map((chunk) => chunk.choices[0].finish_reason).filter(Boolean), ["stop"]);
    assert.equal(chunks.at(-1).usage.completion_tokens, plain.usage.completion_tokens);
    assert.ok(told.length > 3);
  },

  async stream_without_usage({ client }) {
    const chunks = await collected(await client.chat.completions.create({ model: MODEL, messages: user("Hello."), stream: true }));
    assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
  },

  async tool_loop({ client }) {
    const messages = user("What is the weather in Paris?");
    assert.ok((await loop(messages, plainly(client))).includes(RESULTS.Paris));
    assert.equal(messages.length, 4);
  },

  async tool_loop_parallel({ client }) {
    const messages = user(TWO_CITIES);
    bothCities(await loop(messages, plainly(client)));
    assert.deepEqual(messages[1].tool_calls.map(city).sort(), ["Oslo", "Paris"]);
  },

  async tool_loop_streamed({ client }) {
    const messages = user(TWO_CITIES);
    bothCities(await loop(messages, streaming(client)));
    assert.deepEqual(messages[1].tool_calls.map(city).sort(), ["Oslo", "Paris"]);
    assert.equal(new Set(messages[1].tool_calls.map((call) => call.id)).size, 2);
  },

  async tool_arguments_in_pieces({ client }) {
    const done = [];
    const stream = client.chat.completions
      .stream({ model: MODEL, messages: user(TWO_CITIES), tools: [WEATHER] })
      .on("tool_calls.function.arguments.done", ({ index, name, arguments: text }) => done.push([index, name, JSON.parse(text)]));
    await stream.finalChatCompletion();
    assert.deepEqual(done, [[0, "get_weather", { city: "Paris" }], [1, "get_weather", { city: "Oslo" }]]);
  },

  async tool_runner({ client }) {
    const { asked, tools } = runnable();
    const runner = client.chat.completions.runTools({ model: MODEL, messages: user(TWO_CITIES), tools });
    bothCities(await runner.finalContent());
    assert.deepEqual(asked.sort(), ["Oslo", "Paris"]);
  },

  async tool_runner_streamed({ client }) {
    const { asked, tools } = runnable();
    const runner = client.chat.completions.runTools({ model: MODEL, messages: user(TWO_CITIES), tools, stream: true });
    bothCities(await runner.finalContent());
    assert.deepEqual(asked.sort(), ["Oslo", "Paris"]);
  },

  async tool_forced({ client }) {
    const tool_choice = { type: "function", function: { name: "get_weather" } };
    const { message } = await ask(client, "How is it in Rome?", { tools: [WEATHER], tool_choice });
    assert.equal(message.tool_calls[0].function.name, "get_weather");
  },

  async tool_forbidden({ client }) {
    const { message } = await ask(client, "What is the weather in Paris?", { tools: [WEATHER], tool_choice: "none" });
    assert.ok(message.content);
    assert.equal(message.tool_calls?.length ?? 0, 0);
  },

  async structured_output({ client }) {
    const messages = user("Ada is 36 years old.");
    const completion = await client.chat.completions.parse({ model: MODEL, messages, response_format: AS_PERSON });
    const { parsed } = completion.choices[0].message;
    assert.deepEqual(Object.keys(parsed).sort(), ["age", "name", "tags"]);
    assert.ok(Number.isInteger(parsed.age));
  },

  async structured_output_streamed({ client }) {
    const messages = user("Ada is 36 years old.");
    const stream = client.chat.completions.stream({ model: MODEL, messages, response_format: AS_PERSON });
    const { parsed } = (await stream.finalChatCompletion()).choices[0].message;
    assert.deepEqual(Object.keys(parsed).sort(), ["age", "name", "tags"]);
  },

  async json_mode({ client }) {
    const { message } = await ask(client, "Give me JSON about the sea.", { response_format: { type: "json_object" } });
    assert.equal(typeof JSON.parse(message.content), "object");
  },

  async image({ client }) {
    const parts = [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url: PNG_URL } }];
    assert.match((await ask(client, parts)).message.content, /png/i);
  },

  async pdf({ sdk, client }) {
    const row = await client.models.retrieve(MODEL);
    const file = { filename: "a.pdf", file_data: PDF_URL };
    const asked = ask(client, [{ type: "text", text: "What is this?" }, { type: "file", file }]);
    if (row.features.includes("pdf") || row.modalities.input.includes("pdf")) {
      assert.match((await asked).message.content, /pdf/i);
      return;
    }
    const error = await asked.then(() => assert.fail("no error"), (caught) => caught);
    assert.ok(error instanceof sdk.BadRequestError, error.message);
    assert.equal(error.param, "messages");
  },

  async reasoning({ client }) {
    const messages = [{ role: "developer", content: "Be brief." }, ...user("Why is the sky blue?")];
    const completion = await client.chat.completions.create({ model: "high", messages, reasoning_effort: "high" });
    assert.ok(completion.choices[0].message.content);
    assert.ok(completion.usage.completion_tokens_details.reasoning_tokens > 0);
    assert.ok(completion.usage.completion_tokens > completion.usage.completion_tokens_details.reasoning_tokens);
  },

  async reasoning_loop({ client }) {
    const messages = thoughtful();
    bothCities(await loop(messages, plainly(client, EFFORT)));
    assert.ok(messages[2].reasoning_details.length > 0);
    assert.ok((await plainly(client, EFFORT)([...messages, ...user("Thank you.")])).message.content);
  },

  async reasoning_loop_streamed({ client }) {
    const messages = thoughtful();
    bothCities(await loop(messages, streaming(client, EFFORT)));
    assert.ok(messages[2].reasoning_details.length > 0);
  },

  async reasoning_dropped({ client }) {
    const bare = async (messages) => {
      const choice = await plainly(client, EFFORT)(messages);
      const { role, content, tool_calls } = choice.message;
      return { ...choice, message: { role, content, ...(tool_calls && { tool_calls }) } };
    };
    bothCities(await loop(thoughtful(), bare));
  },

  async reasoning_altered({ sdk, client }) {
    const messages = thoughtful();
    const { message } = await plainly(client, EFFORT)(messages);
    const states = /("(?:signature|encrypted_content|thoughtSignature)":"[^"]{10})(.)/g;
    const flip = (all, before, letter) => before + (letter === "A" ? "B" : "A");
    const altered = JSON.parse(JSON.stringify(message).replace(states, flip));
    assert.notDeepEqual(altered, message);
    const call = plainly(client, EFFORT)([...messages, altered, ...message.tool_calls.map(result)]);
    const error = await call.then(() => assert.fail("no error"), (caught) => caught);
    assert.ok(error instanceof sdk.BadRequestError, error.message);
  },

  async error_400({ sdk, client }) {
    await failing(sdk, client, "[[sandbox:400]]", "BadRequestError", 400);
  },

  async error_429({ sdk, client }) {
    const error = await failing(sdk, client, "[[sandbox:429 retry-after=2]]", "RateLimitError", 429);
    assert.equal(error.headers.get("retry-after"), "2");
  },

  async error_429_streamed({ sdk, client }) {
    await failing(sdk, client, "[[sandbox:429]]", "RateLimitError", 429, { stream: true });
  },

  async error_500({ sdk, client }) {
    await failing(sdk, client, "[[sandbox:500]]", "InternalServerError", 500);
  },

  async error_of_the_gateways_key({ sdk, client }) {
    const error = await failing(sdk, client, "[[sandbox:401]]", "InternalServerError", 502);
    assert.equal(error.type, "gateway_credential_error");
  },

  async error_of_an_unknown_model({ sdk, client }) {
    const error = await failing(sdk, client, "", "NotFoundError", 404, { model: "no-such-model" });
    assert.match(error.message, /no-such-model/);
  },

  async error_of_ours({ sdk, client }) {
    const error = await failing(sdk, client, "", "BadRequestError", 400, { messages: "hello" });
    assert.equal(error.type, "invalid_request_error");
    assert.equal(error.param, "messages");
  },

  async error_within_a_stream({ sdk, client }) {
    for (const mark of ["cut 4", "clean-cut 4", "error-event 4"]) {
      const messages = user(`Count a long way. [[sandbox:words 60]] [[sandbox:${mark}]]`);
      const finishes = [];
      const listen = async () => {
        for await (const chunk of await client.chat.completions.create({ model: MODEL, messages, stream: true })) {
          finishes.push(...chunk.choices.map((choice) => choice.finish_reason));
        }
      };
      const error = await listen().then(() => assert.fail(`${mark} was told as a whole answer`), (caught) => caught);
      assert.ok(error instanceof sdk.APIError, error.constructor.name);
      assert.ok(!finishes.includes("stop"));
    }
  },

  async models({ client, provider }) {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.length);
    assert.equal((await client.models.retrieve(ids[0])).owned_by, provider);
  },
};
