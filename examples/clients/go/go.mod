module example.com/first-client

go 1.19

require (
	github.com/rabbitmq/amqp091-go v1.5.0
	google.golang.org/protobuf v1.28.1
	truscore v0.0.0
)

// What protoc-gen-go makes of the .proto files.
replace truscore => ./build/src/truscore
