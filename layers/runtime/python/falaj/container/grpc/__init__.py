"""The protocol over gRPC: `inference.GRPCInferenceService`, as Triton and KServe publish it."""
