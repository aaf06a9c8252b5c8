/// One patch site of a file, as its table and its code say.
struct PatchSite: Equatable {
  let address: UInt64
  let operation: LockOperation
  let bytes: [UInt8]
  let form: SiteForm
  /// Why the site could not be patched; empty for a sound one.
  let problems: [SiteProblem]
}

/// The lock operations in the numbers of the site table.
enum LockOperation: UInt16 {
  case slowPath = 0
  case unlock = 1
  case wait = 2
  case kick = 3
  case vcpuIsPreempted = 4

  var name: String {
    switch self {
    case .slowPath: "queued_spin_lock_slowpath"
    case .unlock: "queued_spin_unlock"
    case .wait: "wait"
    case .kick: "kick"
    case .vcpuIsPreempted: "vcpu_is_preempted"
    }
  }
}

/// What the bytes of a site do.
enum SiteForm: String, CaseIterable {
  case native
  case paravirtual
  case breakpoint
  case unknown

  /// - Parameters:
  ///   - bytes: The bytes at the site.
  ///   - operation: The operation the site belongs to.
  ///   - stubDisplacement: The address of the site's own stub less that of the site's end.
  init(of bytes: [UInt8], operation: LockOperation, stubDisplacement: Int64) {
    if bytes.first == 0xcc {
      self = .breakpoint
    } else if operation == .unlock, bytes == [0x40, 0xc6, 0x47, 0x00, 0x00] {
      self = .native
    } else if bytes.first == 0xe9, bytes.count == 5,
      bytes[...].littleEndian(at: 1, as: Int32.self).map(Int64.init) == stubDisplacement
    {
      self = .paravirtual
    } else {
      self = .unknown
    }
  }
}

/// Why a site could not be patched while it may be executing.
enum SiteProblem: String, Encodable {
  case notExecutable = "not in an executable segment"
  case crossesWord = "crosses an aligned 8-byte word"
}
