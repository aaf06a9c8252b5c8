import Testing

/// Everything that looks below the public interface.
///
/// Serialized, because the machine's processors are what these tests quarrel about; each runs in a
/// process of its own.
@Suite(.serialized) struct Platform {}
