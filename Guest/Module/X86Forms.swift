import CodePatching
import LockPlatform

// What the sites of an x86-64 kernel hold.

/// How an operation is done in one of its implementations: by a function that its sites call, or by an
/// instruction in its place.
///
/// The kernel's table has a function in either case.
struct OperationBody {
  let function: UInt
  let isInline: Bool
}

/// What the sites of this kernel hold for which implementation.
///
/// A site has six bytes. Five are poked, as one instruction; the sixth is a `nop` that stays, so
/// that a return address into a site never stands before anything else.
struct KernelForms {
  /// By raw value of the operation, then of the implementation.
  private var bodies: InlineArray<20, OperationBody>

  static var siteLength: Int { 6 }

  /// Those of this kernel.
  ///
  /// Written before the first site is poked; `wait` and `kick` again before a switch to the
  /// paravirtual set, while neither can be called and no breakpoint stands.
  nonisolated(unsafe) static var current = KernelForms()

  init() {
    bodies = InlineArray(repeating: OperationBody(function: 0, isInline: false))
  }

  /// How an operation is done on this kernel.
  ///
  /// Reads this one entry: a copy of them all would take 320 bytes of a handler's stack.
  static func body(_ operation: LockOperation, _ implementation: Implementation) -> OperationBody {
    unsafe current.bodies[Int(operation.rawValue) * 4 + Int(implementation.rawValue)]
  }

  mutating func put(
    _ operation: LockOperation, _ implementation: Implementation, _ function: UInt,
    inline: Bool = false
  ) {
    bodies[Int(operation.rawValue) * 4 + Int(implementation.rawValue)] = OperationBody(
      function: function, isInline: inline)
  }

  /// The form of five bytes that pokes write; of `vcpu_is_preempted`, which is never poked, all six
  /// bytes as the kernel put them there.
  static func form(_ operation: LockOperation, _ implementation: Implementation, site: UInt)
    -> Form?
  {
    if operation == .vcpuIsPreempted { return bootForm(operation, implementation, site: site) }
    let body = body(operation, implementation)
    guard body.isInline else {
      return body.function == 0 ? nil : Form.call(from: site, to: body.function)
    }
    return switch operation {
    // movb $0, (%rdi), with two segment prefixes that mean nothing.
    case .unlock: Form(bytes: 0x0007_c63e3e, count: 5)
    // nopl 0(%rax, %rax)
    case .wait, .kick: Form(bytes: 0x0000_441f0f, count: 5)
    case .slowPath, .vcpuIsPreempted: nil
    }
  }

  /// The six bytes that the kernel itself put there on boot.
  static func bootForm(
    _ operation: LockOperation, _ implementation: Implementation, site: UInt
  ) -> Form? {
    let body = body(operation, implementation)
    guard body.isInline else {
      guard body.function != 0, let call = Form.call(from: site, to: body.function) else {
        return nil
      }
      return padded(call)
    }
    return switch operation {
    // movb $0, (%rdi); nopl (%rax)
    case .unlock: Form(bytes: inlineUnlock, count: 6)
    // nopw 0(%rax, %rax)
    case .wait, .kick: Form(bytes: 0x0000_441f0f66, count: 6)
    // xorq %rax, %rax; nopl (%rax)
    case .vcpuIsPreempted: Form(bytes: 0x001f0f_c03148, count: 6)
    case .slowPath: nil
    }
  }

  /// The native unlock of a stock kernel and of modules built for it: `movb $0, (%rdi)`, `nopl (%rax)`.
  static var inlineUnlock: UInt64 { 0x001f0f_0007c6 }

  /// The five bytes of a form and the `nop` behind them.
  static func padded(_ form: Form) -> Form { Form(bytes: form.bytes | 0x90 << 40, count: 6) }
}
