import CodePatching
import LockPlatform

/// One patch site of a file, as its table and its code say.
struct PatchSite: Equatable {
  let address: UInt64
  let operation: LockOperation
  let bytes: [UInt8]
  let form: SiteForm
  /// Why the site could not be patched; empty for a sound one.
  let problems: [SiteProblem]
}

/// What the bytes of a site do.
enum SiteForm: String, CaseIterable {
  case native
  case paravirtual
  case breakpoint
  case unknown

  /// Recognises the bytes at a site of five bytes.
  ///
  /// In a program only unlock is text, so a site of another operation has no known form.
  init(of bytes: [UInt8], operation: LockOperation, site: UInt64, stub: UInt64) {
    let packed = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    let held = Form(bytes: packed, count: bytes.count)
    if !bytes.isEmpty, held.bytes & 0xff == Form.breakpoint {
      self = .breakpoint
    } else if operation != .unlock {
      self = .unknown
    } else if held == ProgramUnlockForms.native {
      self = .native
    } else if held == ProgramUnlockForms.paravirtual(site: UInt(site), stub: UInt(stub)) {
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
