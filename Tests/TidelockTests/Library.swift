import Testing

/// Everything that uses the public interface only.
///
/// Serialized, because the machine's processors are what these tests quarrel about; what switches
/// runs in a process of its own.
@Suite(.serialized) struct Library {}
