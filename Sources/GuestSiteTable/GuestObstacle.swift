/// Where a kernel runs and what is in it, as far as that forbids to switch its lock operations.
public struct GuestSurroundings: Equatable, Sendable {
  /// It is a Xen guest without hardware virtualization.
  public var isXenPV = false
  /// It is a TDX guest.
  public var isTDX = false
  /// Its registers are encrypted: an SEV-ES or SEV-SNP guest.
  public var isStateEncrypted = false
  /// The kernel's debugger, kgdb, has a device to talk to.
  public var hasDebugger = false
  /// The lock operations are static calls, or in a table other than `pv_ops`.
  public var hasOtherOperations = false

  /// Nothing of the kind.
  @inlinable public init() {}
}

/// What forbids to switch a kernel, whatever its sites are.
public enum GuestObstacle: UInt8, Sendable {
  case xenPV
  case tdx
  case encryptedState
  case debugger
  case otherOperations

  /// The first there is; nil if there is none.
  @inlinable
  public static func first(in surroundings: GuestSurroundings) -> GuestObstacle? {
    if surroundings.isXenPV { return .xenPV }
    if surroundings.isTDX { return .tdx }
    if surroundings.isStateEncrypted { return .encryptedState }
    if surroundings.hasDebugger { return .debugger }
    return surroundings.hasOtherOperations ? .otherOperations : nil
  }

  /// One sentence for the kernel log or a user, with the way out if there is one.
  @inlinable
  public var sentence: StaticString {
    switch self {
    case .xenPV:
      "a Xen PV guest may execute neither sti nor hlt; run it as PVH or HVM"
    case .tdx: "a TDX guest must leave halts to its hypervisor, so its locks stay as booted"
    case .encryptedState:
      "a guest with encrypted registers (SEV-ES, SEV-SNP) cannot be halted and woken by NMI, so its locks stay as booted"
    case .debugger:
      "kgdb may set breakpoints on lock operations; boot without kgdboc, or write an empty line into /sys/module/kgdboc/parameters/kgdboc"
    case .otherOperations:
      "this kernel keeps its lock operations outside pv_ops (static calls or pv_ops_lock, as Linux 7 does), which this version cannot switch"
    }
  }
}
