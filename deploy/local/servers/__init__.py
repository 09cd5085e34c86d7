"""The servers that the services stand on: broker, object store, MLflow. Know programs and ports; know no service."""
