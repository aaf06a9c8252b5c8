import Coroutines

/// The machine of a model, in one state at a time: memory, CPUs with their stacks, store buffers.
///
/// It can say what may happen next, let it happen, and return to an earlier state by copying bytes.
/// Only one at a time in a thread: its coroutines share a mailbox.
@safe final class Machine {
  let program: ModelProgram
  let cpuCount: Int
  let memory: ModelMemory
  let cpus: Cells<CPUState>
  /// Why this state is a failure, if it is one.
  var flaw: Flaw?
  /// Called with every operation, for replays.
  var observer: ((Event) -> Void)?
  /// Which action of a replayed schedule this is.
  var action = -1

  /// Memory, CPUs and hash in one piece, for snapshots.
  let block: UnsafeMutableRawPointer
  let blockSize: Int
  private let stacks: UInt64
  /// More than any body of a model needs; `resume` checks.
  static let stackSize: UInt64 = 64 * 1024
  /// This much below a stopped CPU's stack is kept 0, so that what earlier schedules left there cannot
  /// make equal states look different.
  private static let scrubbed = 1536

  private init(_ program: ModelProgram) {
    self.program = program
    cpuCount = program.cpus.count
    precondition((1...8).contains(cpuCount) && (1...8).contains(program.storeBufferSize))
    let memorySize = program.layout.sharing.count * 8
    let cpuSize = MemoryLayout<CPUState>.stride * cpuCount
    blockSize = (memorySize + cpuSize + 8 + 15) & ~15
    // Freed in deinit; everything in it is plain bytes.
    unsafe block = UnsafeMutableRawPointer.allocate(byteCount: blockSize, alignment: 16)
    unsafe block.initializeMemory(as: UInt8.self, repeating: 0, count: blockSize)
    let first = unsafe (block + memorySize).initializeMemory(
      as: CPUState.self, repeating: CPUState(), count: cpuCount)
    cpus = unsafe Cells(first, count: cpuCount)
    let hash = unsafe (block + memorySize + cpuSize).initializeMemory(
      as: UInt64.self, repeating: 0, count: 1)
    memory = unsafe ModelMemory(
      block, hash: Cells(hash, count: 1), sharing: program.layout.sharing)
    stacks = coroutine_map(Self.stackSize * UInt64(cpuCount))
    precondition(stacks != 0, "no memory for the stacks of a model")
    for (address, value) in program.layout.contents { memory.write(value, UInt64(address), 8) }
  }

  deinit {
    coroutine_unmap(stacks, Self.stackSize * UInt64(cpuCount))
    unsafe block.deallocate()
  }

  func stackTop(_ cpu: Int) -> UInt64 { stacks + UInt64(cpu + 1) * Self.stackSize }

  /// Runs with a machine for a program; not within another such run.
  static func with<Result>(_ program: ModelProgram, _ body: (Machine) -> Result) -> Result {
    program.setUp()
    return body(Machine(program))
  }

  /// Runs every CPU to its first operation that others can observe.
  func start() {
    for cpu in 0..<cpuCount {
      let program = program.cpus[cpu]
      cpus[cpu].interruptsLeft = UInt8(program.interrupts)
      cpus[cpu].spuriousWakeUpsLeft = UInt8(program.spuriousWakeUps)
      cpus[cpu].stackPointer = coroutine_make(stackTop(cpu), program.body, UInt32(cpu))
      run(cpu, answer: 0)
    }
  }

  // MARK: Running code

  /// Resumes a CPU and runs it until it wants to do something that others can observe.
  func run(_ cpu: Int, answer first: UInt64) {
    var answer = first
    for _ in 0..<100_000 {
      resume(cpu, answer: answer)
      guard let next = doUnnoticed(cpu) else {
        hashCode(cpu)
        return
      }
      answer = next
    }
    flaw = .badAccess("CPU \(cpu) runs for ever without doing anything that others can notice.")
  }

  private func resume(_ cpu: Int, answer: UInt64) {
    let pointer = cpus[cpu].stackPointer
    // Inside the CPU's stack: `overflow` below keeps twice the distance.
    unsafe UnsafeMutableRawPointer(bitPattern: UInt(pointer) - UInt(Self.scrubbed))?
      .initializeMemory(as: UInt8.self, repeating: 0, count: Self.scrubbed)
    coroutine_prepare(UInt64(cpu), answer)
    cpus[cpu].stackPointer = coroutine_resume(pointer)
    cpus[cpu].request = Request.latest
    if cpus[cpu].stackPointer < stackTop(cpu) - Self.stackSize + UInt64(2 * Self.scrubbed) {
      fatalError(
        "a body of the model \(program.name) needs more than \(Self.stackSize) bytes of stack")
    }
  }

  /// Hash of where the CPU is in its code: stack, saved registers and request.
  func hashCode(_ cpu: Int) {
    let pointer = cpus[cpu].stackPointer
    let request = cpus[cpu].request
    var hash = Hash.mix(UInt64(request.operation.rawValue) << 8 | UInt64(request.width), pointer)
    hash = Hash.mix(hash ^ request.address, request.first)
    hash = Hash.mix(hash ^ request.second, request.site)
    for level in 0..<Int(cpus[cpu].level) {
      let context = cpus[cpu].interrupted[level]
      hash = Hash.mix(hash ^ context.stackPointer, context.request.address)
      hash = Hash.mix(hash ^ context.request.first, UInt64(context.request.operation.rawValue))
      hash = Hash.mix(hash ^ context.request.second, context.request.site)
    }
    let count = Int(stackTop(cpu) - pointer) / 16
    if let words = unsafe UnsafeRawPointer(bitPattern: UInt(pointer)) {
      // The used part of the stack: a multiple of 8 bytes, and the rest beyond the last 16 is the
      // zero that coroutine_make left at the top.
      for index in 0..<count {
        let low = unsafe words.load(fromByteOffset: index * 16, as: UInt64.self)
        let high = unsafe words.load(fromByteOffset: index * 16 + 8, as: UInt64.self)
        hash = Hash.mix(hash ^ low, high)
      }
    }
    cpus[cpu].codeHash = hash
  }

  // MARK: State

  /// A hash of the whole state, which determines everything that can follow.
  var key: StateKey {
    var low = memory.contentHash
    var high = Hash.mix(low, 0x5851_f42d_4c95_7f2d)
    for cpu in 0..<cpuCount {
      let hash = cpus[cpu].hash
      low = Hash.mix(low ^ hash, 0x1405_7b7e_f767_814f &+ UInt64(cpu))
      high = Hash.mix(high &+ hash, 0xda94_2042_e4dd_58b5 &+ UInt64(cpu))
    }
    return StateKey(low: low, high: high)
  }
}

extension CPUState {
  /// Of everything that decides what this CPU may do from here on.
  var hash: UInt64 {
    let flags =
      UInt64(status.rawValue) | (hasWritten ? 0x100 : 0) | (pauseIsFree ? 0x200 : 0)
      | (interruptsMasked ? 0x400 : 0) | (isFused ? 0x800 : 0) | UInt64(level) << 16 | UInt64(
        interruptsLeft) << 24
      | UInt64(spuriousWakeUpsLeft) << 32 | UInt64(bufferCount) << 40 | UInt64(watchCount) << 48
      | UInt64(freshStores) << 56
    var hash = Hash.mix(codeHash, flags)
    for index in 0..<Int(bufferCount) {
      let entry = buffer[index]
      hash = Hash.mix(hash ^ (entry.address << 8 | UInt64(entry.width)), entry.value)
    }
    for index in 0..<Int(watchCount) {
      let entry = watch[index]
      hash = Hash.mix(hash ^ (UInt64(entry.address) << 8 | UInt64(entry.width)), entry.value)
    }
    for index in 0..<Int(level) {
      hash = Hash.mix(
        hash,
        UInt64(interrupted[index].status.rawValue) | (interrupted[index].pauseIsFree ? 0x100 : 0))
    }
    return hash
  }
}

/// 128 bits that stand for a state.
struct StateKey: Hashable, BitwiseCopyable {
  var low: UInt64
  var high: UInt64
}
