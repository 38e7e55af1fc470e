// Checks an AsyncAPI document with AsyncAPI's own parser and its Avro schema parser, and every example in it
// with ajv against the JSON schemas that those make of its headers and its payload.
//
// Usage: check_asyncapi.cjs DOCUMENT. Prints {"problems": [{"code", "message", "path"}], "channels": n,
// "operations": n, "messages": n, "examples": n}; a problem is whatever the parser has to say, hints too.

const { readFileSync } = require('node:fs');
const { Parser } = require('@asyncapi/parser');
const { AvroSchemaParser } = require('@asyncapi/avro-schema-parser');
const Ajv = require('ajv').default;
const addFormats = require('ajv-formats').default;

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);

function judge(schema, value, path) {
  const json = schema.json();
  // A schema that came in another format has its JSON schema inside.
  const fits = ajv.compile(json.schema ?? json);
  if (fits(value)) return [];
  return fits.errors.map(({ instancePath, message }) => ({
    code: 'example',
    message: `${instancePath} ${message}`,
    path,
  }));
}

function judgeExamples(message) {
  return message.examples().all().flatMap((example) => [
    ...judge(message.headers(), example.headers(), [message.id(), example.name(), 'headers']),
    ...judge(message.payload(), example.payload(), [message.id(), example.name(), 'payload']),
  ]);
}

async function main() {
  const parser = new Parser();
  parser.registerSchemaParser(AvroSchemaParser());
  const text = readFileSync(process.argv[2], 'utf8');
  const { document, diagnostics } = await parser.parse(text);
  const problems = diagnostics.map(({ code, message, path }) => ({ code, message, path }));
  const messages = document ? document.messages().all() : [];
  console.log(
    JSON.stringify({
      problems: [...problems, ...messages.flatMap(judgeExamples)],
      channels: document?.channels().all().length,
      operations: document?.operations().all().length,
      messages: messages.length,
      examples: messages.reduce((sum, message) => sum + message.examples().all().length, 0),
    }),
  );
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
