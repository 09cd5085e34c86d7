import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import com.google.protobuf.TextFormat;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.truscore.events.v1.DatasetReady;
import com.truscore.events.v1.DatasetRejected;
import com.truscore.events.v1.DatasetValidated;
import com.truscore.events.v1.EpochCompleted;
import com.truscore.events.v1.ExportFailed;
import com.truscore.events.v1.ModelExported;
import com.truscore.events.v1.OrderAttached;
import com.truscore.events.v1.TrainingCancelled;
import com.truscore.events.v1.TrainingCompleted;
import com.truscore.events.v1.TrainingFailed;
import com.truscore.events.v1.TrainingStarted;
import java.io.IOException;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Orders a training run and follows it to its end. Needs the .proto files, protobuf-java and amqp-client, nothing
 * more.
 *
 * <p>java FirstClient AMQP_URL s3://bucket/prefix/ DATASET_ID VERSION REQUEST_ID
 *
 * <p>Exit codes: 0 model exported, 1 rejected, failed or cancelled, 2 wrong arguments, 3 the order could not be placed
 * or not be followed to its end.
 */
public final class FirstClient {
    private static final String EXCHANGE = "truscore.events";
    private static final long DEADLINE_S = 3600;
    private static final long CONFIRM_MS = 30_000;
    private static final int PREFETCH = 100;
    private static final Map<String, Parser<? extends Message>> EVENTS =
            Map.of(
                    "dataset.validated", DatasetValidated.parser(),
                    "dataset.rejected", DatasetRejected.parser(),
                    "order.attached", OrderAttached.parser(),
                    "training.started", TrainingStarted.parser(),
                    "epoch.completed", EpochCompleted.parser(),
                    "training.completed", TrainingCompleted.parser(),
                    "training.failed", TrainingFailed.parser(),
                    "training.cancelled", TrainingCancelled.parser(),
                    "model.exported", ModelExported.parser(),
                    "export.failed", ExportFailed.parser());
    private static final Map<String, Integer> EXIT_CODES =
            Map.of(
                    "model.exported", 0,
                    "dataset.rejected", 1,
                    "training.failed", 1,
                    "training.cancelled", 1,
                    "export.failed", 1);

    private final DatasetReady order;
    private final String eventId;
    private String runId = "";

    private FirstClient(String uri, String datasetId, String version, String requestId) {
        DatasetReady.Builder ready = DatasetReady.newBuilder();
        ready.setDatasetId(datasetId).setVersion(version).setUri(uri).setRequestId(requestId);
        ready.setCategory("border_detection").setOption("dual_class");
        ready.getTrainingBuilder()
                .getConfigBuilder()
                .getHyperparametersBuilder()
                .getTrainingProcessBuilder()
                .setEpochs(2);
        order = ready.build();
        eventId = String.join("/", "first-client", datasetId, version, requestId); // the same again when repeated
    }

    /** Publishes persistent and mandatory, and waits for the broker's confirmation. */
    private void place(Channel channel) throws IOException, InterruptedException, TimeoutException {
        AtomicReference<String> returned = new AtomicReference<>();
        channel.addReturnListener(back -> returned.set(back.getReplyCode() + " " + back.getReplyText()));
        channel.confirmSelect();
        AMQP.BasicProperties properties =
                new AMQP.BasicProperties.Builder()
                        .contentType("application/protobuf")
                        .type("truscore.events.v1.DatasetReady")
                        .messageId(eventId)
                        .deliveryMode(2)
                        .build();
        channel.basicPublish(EXCHANGE, "dataset.ready", true, properties, order.toByteArray());
        channel.waitForConfirmsOrDie(CONFIRM_MS);
        if (returned.get() != null) { // sent by the broker before its confirmation
            throw new IOException("the order was returned: nothing listens for dataset.ready: " + returned.get());
        }
    }

    /** Whether an event names our order, or the run that OrderAttached gave it. */
    private boolean concerns(Message event) {
        boolean ours = text(event, "order_event_id").equals(eventId);
        if (ours && event instanceof OrderAttached attached) {
            runId = attached.getRunId();
        }
        return ours || (!runId.isEmpty() && text(event, "run_id").equals(runId));
    }

    private static String text(Message event, String name) {
        FieldDescriptor field = event.getDescriptorForType().findFieldByName(name);
        return field == null ? "" : event.getField(field).toString();
    }

    /** Prints each event of the order until one ends it; the exit code. */
    private int follow(Channel channel, BlockingQueue<Delivery> deliveries)
            throws IOException, InterruptedException, TimeoutException {
        Set<String> seen = new HashSet<>();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_S);
        while (true) {
            Delivery delivery = deliveries.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (delivery == null) {
                throw new TimeoutException("no end within " + DEADLINE_S + " s");
            }
            String routingKey = delivery.getEnvelope().getRoutingKey();
            Message event = EVENTS.get(routingKey).parseFrom(delivery.getBody());
            channel.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
            // An event that is said again keeps its id.
            if (!concerns(event) || !seen.add(delivery.getProperties().getMessageId())) {
                continue;
            }
            show(routingKey, event);
            if (EXIT_CODES.containsKey(routingKey)) {
                return EXIT_CODES.get(routingKey);
            }
        }
    }

    private static void show(String routingKey, Message event) {
        System.out.printf("%-18s %.160s%n", routingKey, TextFormat.printer().shortDebugString(event));
        if (event instanceof DatasetRejected rejected) {
            rejected.getFindingsList().forEach(
                    each -> System.out.printf("%-18s %s %s%n", each.getRule(), each.getMessage(), each.getLocation()));
        }
        if (event instanceof ModelExported exported) {
            exported.getArtifactsList().forEach(
                    each -> System.out.printf("%-18s %s sha256 %s%n", each.getFormat(), each.getUri(), each.getSha256()));
        }
    }

    private int run(String url) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(url);
        factory.setAutomaticRecoveryEnabled(false); // whoever lost the connection orders again
        try (Connection connection = factory.newConnection()) {
            Thread waiting = Thread.currentThread();
            connection.addShutdownListener(
                    cause -> {
                        if (!cause.isInitiatedByApplication()) {
                            waiting.interrupt();
                        }
                    });
            Channel channel = connection.createChannel();
            try {
                channel.exchangeDeclarePassive(EXCHANGE);
            } catch (IOException error) {
                throw new IOException("no service of TruScore has connected to this virtual host yet", error);
            }
            channel.basicQos(PREFETCH);
            String queue = channel.queueDeclare().getQueue(); // exclusive, named by the broker
            for (String routingKey : EVENTS.keySet()) {
                channel.queueBind(queue, EXCHANGE, routingKey);
            }
            BlockingQueue<Delivery> deliveries = new ArrayBlockingQueue<>(PREFETCH);
            channel.basicConsume(queue, false, (tag, delivery) -> deliveries.add(delivery), tag -> {});
            place(channel);
            System.out.println("ordered            " + eventId);
            return follow(channel, deliveries);
        }
    }

    public static void main(String[] arguments) {
        if (arguments.length != 5) {
            System.err.println("usage: FirstClient AMQP_URL s3://bucket/prefix/ DATASET_ID VERSION REQUEST_ID");
            System.exit(2);
        }
        int code = 3;
        try {
            code = new FirstClient(arguments[1], arguments[2], arguments[3], arguments[4]).run(arguments[0]);
        } catch (InterruptedException lost) {
            System.err.println("the connection to the broker was lost");
        } catch (Exception error) {
            System.err.println(error.getMessage() + (error.getCause() == null ? "" : ": " + error.getCause()));
        }
        System.exit(code);
    }
}
