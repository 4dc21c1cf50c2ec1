// A translate-svc client for Node.js: the stubs are made of the proto file when the program starts.
// To take it elsewhere, copy this file, rpc_status.proto and speech_translation.proto, and change CONTRACT.
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const CONTRACT = new URL('../../protos/translate_svc/v1/speech_translation.proto', import.meta.url);
const STATUS_DETAILS = new URL('rpc_status.proto', import.meta.url);

// Field names as in the proto, enums by name, 64-bit numbers as Number: sample positions stay far below 2^53.
const AS_IN_THE_PROTO = { keepCase: true, enums: String, longs: Number, defaults: true, oneofs: true };

const load = (url) => loader.loadSync(fileURLToPath(url), AS_IN_THE_PROTO);
const contract = load(CONTRACT);
const details = load(STATUS_DETAILS);

/** A client of the server at `address`, "host:port". Plaintext, unless credentials are given. */
export function connect(address, credentials = grpc.credentials.createInsecure()) {
  const { SpeechTranslation } = grpc.loadPackageDefinition(contract).translate_svc.v1;
  return new SpeechTranslation(address, credentials);
}

/** The answer of a unary call, as a promise: `await ask(client, 'ListLanguages')`. */
export function ask(client, method, request = {}) {
  return new Promise((resolve, reject) => {
    client[method](request, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

/**
 * What a failed call says: the status, and what its google.rpc details tell beside it.
 *
 * `field` is the path of the wrong field in the request, `retryAfterMs` when to come back, and
 * `incidentId` what to report to whoever runs the server.
 */
export function explain(error) {
  const told = { code: grpc.status[error.code] ?? String(error.code), message: error.details };
  const [trailer] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!trailer) return told;
  for (const { type_url: url, value } of details['google.rpc.Status'].deserialize(trailer).details) {
    const type = url.split('/').pop();
    const detail = details[type]?.deserialize(value);
    if (type === 'google.rpc.ErrorInfo') {
      told.reason = detail.reason;
      if (detail.metadata.incident_id) told.incidentId = detail.metadata.incident_id;
    } else if (type === 'google.rpc.BadRequest') {
      told.field = detail.field_violations[0].field;
    } else if (type === 'google.rpc.RetryInfo') {
      told.retryAfterMs = detail.retry_delay.seconds * 1000 + detail.retry_delay.nanos / 1e6;
    }
  }
  return told;
}
