// Orders a training run and follows it to its end. Needs the .proto files, @bufbuild/protobuf and amqplib, nothing more.
//
//   node build/first_client.js AMQP_URL s3://bucket/prefix/ DATASET_ID VERSION REQUEST_ID
//
// Exit codes: 0 model exported, 1 rejected, failed or cancelled, 2 wrong arguments, 3 the order could not be placed
// or not be followed to its end.
import { create, type DescMessage, fromBinary, isMessage, type Message, toBinary, toJsonString } from "@bufbuild/protobuf";
import { type ChannelModel, type ConfirmChannel, connect } from "amqplib";

import * as dataset from "./generated/truscore/events/v1/dataset_pb.js";
import * as model from "./generated/truscore/events/v1/model_pb.js";
import * as order from "./generated/truscore/events/v1/order_pb.js";
import * as training from "./generated/truscore/events/v1/training_pb.js";

const EXCHANGE = "truscore.events";
const DEADLINE_MS = 3_600_000;
const CONFIRM_MS = 30_000;
const PREFETCH = 100;
const EVENTS: Record<string, DescMessage> = {
  "dataset.validated": dataset.DatasetValidatedSchema,
  "dataset.rejected": dataset.DatasetRejectedSchema,
  "order.attached": order.OrderAttachedSchema,
  "training.started": training.TrainingStartedSchema,
  "epoch.completed": training.EpochCompletedSchema,
  "training.completed": training.TrainingCompletedSchema,
  "training.failed": training.TrainingFailedSchema,
  "training.cancelled": training.TrainingCancelledSchema,
  "model.exported": model.ModelExportedSchema,
  "export.failed": model.ExportFailedSchema,
};
const EXIT_CODES: Record<string, number> = {
  "model.exported": 0,
  "dataset.rejected": 1,
  "training.failed": 1,
  "training.cancelled": 1,
  "export.failed": 1,
};

/** The fields by which an event names its order; each event has one of them or both. */
interface Names {
  orderEventId?: string;
  runId?: string;
}

function orderFor(uri: string, datasetId: string, version: string, requestId: string): dataset.DatasetReady {
  return create(dataset.DatasetReadySchema, {
    ...{ datasetId, version, uri, requestId, category: "border_detection", option: "dual_class" },
    training: { config: { hyperparameters: { trainingProcess: { epochs: 2 } } } },
  });
}

/** Publishes persistent and mandatory, and waits for the broker's confirmation. */
async function place(channel: ConfirmChannel, ready: dataset.DatasetReady, eventId: string): Promise<void> {
  let returned = "";
  channel.on("return", (message) => (returned = JSON.stringify(message.fields)));
  channel.publish(EXCHANGE, "dataset.ready", Buffer.from(toBinary(dataset.DatasetReadySchema, ready)), {
    contentType: "application/protobuf",
    type: "truscore.events.v1.DatasetReady",
    messageId: eventId,
    persistent: true,
    mandatory: true,
  });
  await within(CONFIRM_MS, channel.waitForConfirms());
  if (returned !== "") {
    // Sent by the broker before its confirmation.
    throw new Error(`the order was returned: nothing listens for dataset.ready: ${returned}`);
  }
}

/** Tells the events of one order from all others: they name it, or the run that OrderAttached gave it. */
function filterFor(eventId: string): (event: Message) => boolean {
  let runId = "";
  return (event) => {
    const named = event as Names;
    const ours = named.orderEventId === eventId;
    if (ours && isMessage(event, order.OrderAttachedSchema)) {
      runId = event.runId;
    }
    return ours || (runId !== "" && named.runId === runId);
  };
}

/** Prints each event of the order until one ends it; the exit code. */
function follow(connection: ChannelModel, channel: ConfirmChannel, queue: string, eventId: string) {
  const concerns = filterFor(eventId);
  const seen = new Set<string>();
  return new Promise<number>((resolve, reject) => {
    connection.on("error", reject);
    connection.on("close", () => reject(new Error("the broker closed the connection")));
    const hear = channel.consume(queue, (delivery) => {
      if (delivery === null) {
        return reject(new Error("the broker deleted the queue"));
      }
      const routingKey = delivery.fields.routingKey;
      const schema = EVENTS[routingKey]!;
      const event = fromBinary(schema, delivery.content);
      channel.ack(delivery);
      // An event that is said again keeps its id.
      if (concerns(event) && !seen.has(delivery.properties.messageId)) {
        seen.add(delivery.properties.messageId);
        show(routingKey, toJsonString(schema, event).slice(0, 160));
        showDetails(event);
        const code = EXIT_CODES[routingKey];
        if (code !== undefined) {
          resolve(code);
        }
      }
    });
    hear.catch(reject);
  });
}

function showDetails(event: Message): void {
  if (isMessage(event, dataset.DatasetRejectedSchema)) {
    event.findings.forEach((each) => show(each.rule, `${each.message} ${each.location}`));
  }
  if (isMessage(event, model.ModelExportedSchema)) {
    event.artifacts.forEach((each) => show(each.format, `${each.uri} sha256 ${each.sha256}`));
  }
}

function show(name: string, line: string): void {
  console.log(`${name.padEnd(18)} ${line}`);
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function main(url: string, uri: string, datasetId: string, version: string, requestId: string): Promise<number> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  channel.on("error", () => {}); // each call that fails says so itself
  await channel.checkExchange(EXCHANGE).catch((error) => {
    throw new Error(`no service of TruScore has connected to this virtual host yet: ${error.message}`);
  });
  await channel.prefetch(PREFETCH);
  const { queue } = await channel.assertQueue("", { exclusive: true });
  for (const routingKey of Object.keys(EVENTS)) {
    await channel.bindQueue(queue, EXCHANGE, routingKey);
  }
  const eventId = `first-client/${datasetId}/${version}/${requestId}`; // the same again when the order is repeated
  await place(channel, orderFor(uri, datasetId, version, requestId), eventId);
  show("ordered", eventId);
  return within(DEADLINE_MS, follow(connection, channel, queue, eventId));
}

if (process.argv.length !== 7) {
  console.error("usage: first_client.js AMQP_URL s3://bucket/prefix/ DATASET_ID VERSION REQUEST_ID");
  process.exit(2);
}
const [url, uri, datasetId, version, requestId] = process.argv.slice(2) as [string, string, string, string, string];
main(url, uri, datasetId, version, requestId).then(
  (code) => process.exit(code),
  (error: Error) => {
    console.error(error.message);
    process.exit(3);
  },
);
