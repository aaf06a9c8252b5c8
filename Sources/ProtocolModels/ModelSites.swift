import CodePatching
import LockPlatform
import ModelChecker
import QueuedSpinlocks

/// The model's sites, as a site table: unlock, and in a kernel the slow path.
struct ModelSites: SiteTable {
  var count: Int { ModelSettings.current.isKernel ? 2 : 1 }

  func site(_ index: Int) -> (address: UInt, operation: LockOperation) {
    index == 0 ? (CodeWord.unlock.address, .unlock) : (CodeWord.slowPath.address, .slowPath)
  }

  func form(of index: Int, as implementation: Implementation) -> Form? {
    index == 0
      ? Self.form(implementation, ModelSettings.current.mutation)
      : Self.slowPathForm(implementation)
  }

  /// Calls of bodies so far apart that every byte of the distance differs.
  static func slowPathForm(_ implementation: Implementation) -> Form? {
    // Native and test-and-set are one function.
    let body = implementation == .testAndSet ? 0 : UInt(implementation.rawValue)
    let distance: UInt = 0x0111_1111 &* (body &+ 1)
    return Form.call(from: CodeWord.slowPath.address, to: CodeWord.slowPath.address &+ distance)
  }

  static func form(_ implementation: Implementation, _ mutation: Mutation?) -> Form? {
    switch implementation {
    case .native:
      mutation == .twoInstructions
        ? CodeSite.twoInstructions : ProgramUnlockForms.native
    case .paravirtual:
      ProgramUnlockForms.paravirtual(
        site: ModelMemory.site.address, stub: ModelMemory.site.address &+ 0x1111)
    case .testAndSet, .gate: nil
    }
  }
}

/// Code as memory: what a CPU executes at a site while it is being changed.
enum CodeSite {
  /// Fetches and executes the unlock site, with the lock as its operand.
  @inline(never)
  static func unlock(_ lock: LockWord, _ cpu: UInt32) {
    let site = CodeWord.unlock
    while true {
      // Fetching is where others may come between; what is fetched executes before anybody can
      // make this CPU serialize, since an interrupt comes between two instructions.
      _ = Simulated.load(site.word, .relaxed)
      Simulated.fuse(true)
      if ModelSettings.current.checksReferences { ModelReferences.forget(lock.whole.address) }
      let bytes = site.fetch(cpu)
      Simulated.note("fetches", bytes)
      if bytes == twoInstructions.bytes {
        NativeQueue<ModelMachine>.unlock(lock)
        Simulated.fuse(false)
        return executeSecondInstruction(cpu)
      }
      if bytes == ProgramUnlockForms.native.bytes {
        NativeQueue<ModelMachine>.unlock(lock)
        return Simulated.fuse(false)
      }
      Simulated.fuse(false)
      if bytes == ModelSites().form(of: 0, as: .paravirtual)?.bytes {
        return ParavirtualQueue<ModelMachine>.unlock(lock)
      }
      guard bytes & 0xff == Form.breakpoint else {
        return Simulated.fail("executes bytes that are no form")
      }
      if ModelTrap.take(site, lock, cpu) { return }
    }
  }

  /// Fetches and executes the slow path site, with preemption off.
  @inline(never)
  static func slowPath(_ lock: LockWord, _ cpu: UInt32) {
    let isLate = ModelSettings.current.mutation == .countsAfterReading
    if !isLate { ModelSections.enter() }
    defer { ModelSections.leave() }
    let site = CodeWord.slowPath
    while true {
      _ = Simulated.load(site.word, .relaxed)
      let bytes = site.fetch(cpu)
      Simulated.note("fetches", bytes)
      if isLate { ModelSections.enter() }
      if bytes == ModelSites.slowPathForm(.native)?.bytes { return ModelTrap.nativeSlowPath(lock) }
      if bytes == ModelSites.slowPathForm(.paravirtual)?.bytes {
        return ParavirtualQueue<ModelMachine>.slowPath(lock)
      }
      if bytes == ModelSites.slowPathForm(.gate)?.bytes { return ModelTrap.gate(lock) }
      guard bytes & 0xff == Form.breakpoint else {
        return Simulated.fail("executes bytes that are no form")
      }
      if ModelTrap.take(site, lock, cpu) { return }
      if isLate { ModelSections.leave() }
    }
  }

  /// `movb $0, (%rdi)`, and a no-operation of two bytes.
  static var twoInstructions: Form { Form(bytes: 0x90_6600_07c6, count: 5) }

  /// The no-operation, if the site still holds it when the CPU comes to it.
  private static func executeSecondInstruction(_ cpu: UInt32) {
    _ = Simulated.load(CodeWord.unlock.word, .relaxed)
    let bytes = CodeWord.unlock.fetch(cpu)
    Simulated.note("fetches behind the first instruction", bytes >> 24)
    if bytes >> 24 != twoInstructions.bytes >> 24 {
      Simulated.fail("goes on in the middle of a form")
    }
  }
}
