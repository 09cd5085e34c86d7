"""The format of Amazon SageMaker Ground Truth."""
