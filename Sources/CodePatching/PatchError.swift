/// Why code was not patched.
@frozen public enum PatchError: Error, Equatable, Sendable {
  /// There are no sites at all, so a poke would change nothing.
  case noSites
  /// A site holds unrecognised bytes. Packed little-endian.
  case unknownBytes(site: UInt, found: UInt64, expected: UInt64)
  /// A site has no form for the implementation (its stub is out of reach, say).
  case noForm(site: UInt)
  /// A site crosses an aligned 8-byte word, so that one store cannot change it.
  case straddles(site: UInt)
  /// The machine refused to write there.
  case notWritable(site: UInt)
  /// The machine refused to give the text there the protection it had before.
  case notProtected(site: UInt)
  /// The machine refused to serialize its cores.
  case notSerializable
}

/// How code is changed while it may be executing.
@frozen public enum PokeMethod: UInt8, Sendable {
  /// One aligned 8-byte store for each site, then one core serialization for all. No trap. AMD
  /// documents that an aligned quadword store is fetched whole (APM vol. 2 7.6.1), Intel does not;
  /// just-in-time compilers rely on it on both.
  case store = 0
  /// A breakpoint over the first byte, then the tail, then the first byte, serializing the cores
  /// after each: Intel SDM vol. 3A 9.1.3 and Linux's `text_poke_bp`. A CPU that meets the
  /// breakpoint has its operation emulated.
  case breakpoint = 1
}
