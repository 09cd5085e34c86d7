// Orders a training run and follows it to its end. Needs the .proto files, protobuf and amqp091-go, nothing more.
//
//	first-client AMQP_URL s3://bucket/prefix/ DATASET_ID VERSION REQUEST_ID
//
// Exit codes: 0 model exported, 1 rejected, failed or cancelled, 2 wrong arguments, 3 the order could not be placed
// or not be followed to its end.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"google.golang.org/protobuf/proto"

	eventsv1 "truscore/events/v1"
)

const (
	exchange = "truscore.events"
	deadline = time.Hour
	confirm  = 30 * time.Second
)

var events = map[string]func() proto.Message{
	"dataset.validated":  func() proto.Message { return &eventsv1.DatasetValidated{} },
	"dataset.rejected":   func() proto.Message { return &eventsv1.DatasetRejected{} },
	"order.attached":     func() proto.Message { return &eventsv1.OrderAttached{} },
	"training.started":   func() proto.Message { return &eventsv1.TrainingStarted{} },
	"epoch.completed":    func() proto.Message { return &eventsv1.EpochCompleted{} },
	"training.completed": func() proto.Message { return &eventsv1.TrainingCompleted{} },
	"training.failed":    func() proto.Message { return &eventsv1.TrainingFailed{} },
	"training.cancelled": func() proto.Message { return &eventsv1.TrainingCancelled{} },
	"model.exported":     func() proto.Message { return &eventsv1.ModelExported{} },
	"export.failed":      func() proto.Message { return &eventsv1.ExportFailed{} },
}

var exitCodes = map[string]int{
	"model.exported": 0, "dataset.rejected": 1, "training.failed": 1, "training.cancelled": 1, "export.failed": 1,
}

func orderFor(uri, datasetID, version, requestID string) *eventsv1.DatasetReady {
	process := &eventsv1.TrainingProcess{Epochs: proto.Uint32(2)}
	return &eventsv1.DatasetReady{
		DatasetId: datasetID, Version: version, Uri: uri, RequestId: requestID,
		Category: "border_detection", Option: "dual_class",
		Training: &eventsv1.TrainingSpec{Config: &eventsv1.TrainingConfig{
			Hyperparameters: &eventsv1.Hyperparameters{TrainingProcess: process},
		}},
	}
}

// place publishes persistent and mandatory, and waits for the broker's confirmation.
func place(channel *amqp.Channel, order *eventsv1.DatasetReady, eventID string) error {
	if err := channel.Confirm(false); err != nil {
		return err
	}
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))
	confirmed := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	body, err := proto.Marshal(order)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), confirm)
	defer cancel()
	err = channel.PublishWithContext(ctx, exchange, "dataset.ready", true, false, amqp.Publishing{
		ContentType: "application/protobuf", Type: "truscore.events.v1.DatasetReady", MessageId: eventID,
		DeliveryMode: amqp.Persistent, Body: body,
	})
	if err != nil {
		return err
	}
	select {
	case confirmation := <-confirmed:
		if !confirmation.Ack {
			return errors.New("the broker refused the order")
		}
	case <-ctx.Done():
		return fmt.Errorf("no confirmation within %v", confirm)
	}
	select {
	case back := <-returned: // sent by the broker before its confirmation
		return fmt.Errorf("the order was returned: nothing listens for dataset.ready: %d %s", back.ReplyCode, back.ReplyText)
	default:
		return nil
	}
}

// tracker tells the events of one order from all others.
type tracker struct {
	eventID string
	runID   string
}

// concerns says whether an event names this order, or the run that OrderAttached gave it.
func (t *tracker) concerns(event proto.Message) bool {
	names, namesOrder := event.(interface{ GetOrderEventId() string })
	ours := namesOrder && names.GetOrderEventId() == t.eventID
	if attached, ok := event.(*eventsv1.OrderAttached); ok && ours {
		t.runID = attached.RunId
	}
	run, namesRun := event.(interface{ GetRunId() string })
	return ours || (namesRun && t.runID != "" && run.GetRunId() == t.runID)
}

// follow prints each event of the order until one ends it, and returns the exit code.
func follow(deliveries <-chan amqp.Delivery, order *tracker) (int, error) {
	timeout, seen := time.After(deadline), map[string]bool{}
	for {
		select {
		case delivery, open := <-deliveries:
			if !open {
				return 3, errors.New("the broker closed the connection")
			}
			event := events[delivery.RoutingKey]()
			if err := proto.Unmarshal(delivery.Body, event); err != nil {
				return 3, err
			}
			if err := delivery.Ack(false); err != nil {
				return 3, err
			}
			if !order.concerns(event) || seen[delivery.MessageId] { // an event that is said again keeps its id
				continue
			}
			seen[delivery.MessageId] = true
			show(delivery.RoutingKey, event)
			if code, ends := exitCodes[delivery.RoutingKey]; ends {
				return code, nil
			}
		case <-timeout:
			return 3, fmt.Errorf("no end within %v", deadline)
		}
	}
}

func show(routingKey string, event proto.Message) {
	fmt.Printf("%-18s %.160s\n", routingKey, fmt.Sprint(event))
	switch event := event.(type) {
	case *eventsv1.DatasetRejected:
		for _, finding := range event.Findings {
			fmt.Printf("%-18s %s %s\n", finding.Rule, finding.Message, finding.Location)
		}
	case *eventsv1.ModelExported:
		for _, artifact := range event.Artifacts {
			fmt.Printf("%-18s %s sha256 %s\n", artifact.Format, artifact.Uri, artifact.Sha256)
		}
	}
}

func run(url, uri, datasetID, version, requestID string) (int, error) {
	connection, err := amqp.Dial(url)
	if err != nil {
		return 3, err
	}
	defer connection.Close()
	channel, err := connection.Channel()
	if err != nil {
		return 3, err
	}
	if err := channel.ExchangeDeclarePassive(exchange, "topic", true, false, false, false, nil); err != nil {
		return 3, fmt.Errorf("no service of TruScore has connected to this virtual host yet: %w", err)
	}
	queue, err := channel.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		return 3, err
	}
	for routingKey := range events {
		if err := channel.QueueBind(queue.Name, routingKey, exchange, false, nil); err != nil {
			return 3, err
		}
	}
	deliveries, err := channel.Consume(queue.Name, "", false, true, false, false, nil)
	if err != nil {
		return 3, err
	}
	order := orderFor(uri, datasetID, version, requestID)
	eventID := fmt.Sprintf("first-client/%s/%s/%s", datasetID, version, requestID) // the same again when repeated
	if err := place(channel, order, eventID); err != nil {
		return 3, err
	}
	fmt.Printf("ordered            %s\n", eventID)
	return follow(deliveries, &tracker{eventID: eventID})
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: first-client AMQP_URL s3://bucket/prefix/ DATASET_ID VERSION REQUEST_ID")
		os.Exit(2)
	}
	code, err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}
