// What a run's payloads have in common: names of fields, in the order in which they stand, and frequent values. Deflate is handed it as
// what came before a payload, so that mostly hashes are left: a call's input of 360 bytes takes 190.
//
// What was packed with it is read with it alone: it never changes. A better one takes another flag of the codec, beside this one.

export const PAYLOAD_DICTIONARY = Buffer.from(
  [
    'turn 1: modelsums up earlier messages, turn 1records: completedtells the model: Tool.Failed',
    '"schemaVersion":1,"failure":{"type":"Tool.Failed","message":""}"outcome":"completed","reused":true',
    '"pruned":{"results":1,"tokens":1000}"problem":{"type":"Model.InvalidToolCall","message":"',
    '"kind":"compacted","covered":1"kind":"wait","waitUntil":17"reason":"","output":{"hash":"","bytes":1,"preview":"',
    '"totals":{"turns":1,"modelCalls":1,"toolCalls":1,"reusedCalls":0,"usage":{"input":1,"cachedInput":0,"output":1,"reasoning":0}}',
    '"session":"","user":"","compacted":true,"poll":true,"head":null,"length":1',
    '"name":"","message":"","call":0,"input":"","timeoutMs":30000}',
    '{"message":{"hash":"","role":"tool","preview":"{\\"',
    '{"kind":"answer","head":"","messages":[{"hash":"","role":"assistant","preview":"","role":"user","preview":""}],',
    '"toolCalls":[{"name":"","preview":"{\\""}],"toolCalls":[],',
    '"usage":{"input":1,"cachedInput":0,"output":1,"reasoning":0},"model":"openai/gpt-"}',
    '{"key":{"run":"019","fork":0,"turn":1,"index":0},"agent":"","release":"","tenant":"default","base":null,"append":["","base":"","append":["',
  ].join(''),
);
