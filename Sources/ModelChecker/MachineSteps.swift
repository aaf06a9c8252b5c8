import Coroutines

// What may happen next, and what it does.
extension Machine {
  /// The actions possible now.
  ///
  /// None, and all CPUs finished: the end. None otherwise: a deadlock.
  var possible: ActionList {
    var list = ActionList()
    for cpu in 0..<cpuCount {
      // No other CPU can observe a choice, so it is made before anything else happens.
      if cpus[cpu].status == .ready, cpus[cpu].request.operation == .choose {
        list = ActionList()
        for choice in 0..<UInt8(clamping: cpus[cpu].request.first) {
          list.append(Action(kind: .step, cpu: UInt8(cpu), choice: choice))
        }
        return list
      }
      if canStep(cpu) { list.append(Action(kind: .step, cpu: UInt8(cpu))) }
      if cpus[cpu].bufferCount > 0 { list.append(Action(kind: .commit, cpu: UInt8(cpu))) }
      if canBeInterrupted(cpu) { list.append(Action(kind: .interrupt, cpu: UInt8(cpu))) }
      if cpus[cpu].status == .asleep, cpus[cpu].spuriousWakeUpsLeft > 0 {
        list.append(Action(kind: .wakeUp, cpu: UInt8(cpu)))
      }
    }
    return list
  }

  var allFinished: Bool {
    for cpu in 0..<cpuCount where cpus[cpu].status != .finished { return false }
    return true
  }

  func canStep(_ cpu: Int) -> Bool {
    switch cpus[cpu].status {
    case .finished, .asleep: return false
    case .woken: return true
    case .pausing: return cpus[cpu].sawChange(in: memory)
    case .ready:
      let request = cpus[cpu].request
      if request.operation.drains { return cpus[cpu].bufferCount == 0 }
      switch request.operation {
      case .store: return Int(cpus[cpu].bufferCount) < capacity || capacity == 0
      case .fenceOther:
        // Stores made since its last scheduling point may as well not have been made yet.
        let other = Int(request.first)
        return cpus[other].bufferCount <= cpus[other].freshStores
      default: return true
      }
    }
  }

  private func canBeInterrupted(_ cpu: Int) -> Bool {
    cpus[cpu].interruptsLeft > 0 && cpus[cpu].status != .finished && !cpus[cpu].interruptsMasked
      && Int(cpus[cpu].level) < cpus[cpu].interrupted.count
  }

  private var capacity: Int {
    program.memoryModel == .totalStoreOrder ? program.storeBufferSize : 0
  }

  /// Carries out an action.
  ///
  /// Contract: it is possible.
  func perform(_ action: Action) {
    let cpu = Int(action.cpu)
    switch action.kind {
    case .step: step(cpu, action.choice)
    case .commit: commit(cpu)
    case .interrupt: interrupt(cpu)
    case .wakeUp:
      cpus[cpu].spuriousWakeUpsLeft -= 1
      observe(cpu, "wakes for no reason")
      wakeUp(cpu)
    }
  }

  // MARK: Actions

  private func step(_ cpu: Int, _ choice: UInt8) {
    let request = cpus[cpu].request
    cpus[cpu].freshStores = 0
    switch request.operation {
    case .load, .store, .exchange, .compareExchange, .fetchOr:
      run(cpu, answer: carryOut(cpu, request))
    case .pause:
      cpus[cpu].status = .ready
      cpus[cpu].watchCount = 0
      run(cpu, answer: 0)
    case .sleep:
      if cpus[cpu].status == .woken { return wakeUp(cpu) }
      if load(cpu, request) != request.first { return run(cpu, answer: 0) }
      observe(cpu, "sleeps", request)
      cpus[cpu].status = .asleep
    case .wake:
      wake(cpu, request)
      run(cpu, answer: 0)
    case .choose:
      observe(cpu, "takes possibility \(choice + 1) of \(request.first)")
      run(cpu, answer: UInt64(choice))
    case .fenceOther:
      observe(cpu, "makes CPU \(request.first) execute a barrier")
      run(cpu, answer: 0)
    case .fence:
      observe(cpu, "fences")
      run(cpu, answer: 0)
    case .step:
      observe(cpu, "steps")
      run(cpu, answer: 0)
    case .boundedWait, .maskInterrupts, .fuse, .note:
      run(cpu, answer: 0)
    case .finish, .fail:
      preconditionFailure("no such step")
    }
  }

  /// A memory access.
  private func carryOut(_ cpu: Int, _ request: Request) -> UInt64 {
    switch request.operation {
    case .load: return load(cpu, request)
    case .store:
      if capacity == 0 { write(cpu, request, request.first) } else { buffer(cpu, request) }
      return 0
    default: return update(cpu, request)
    }
  }

  private func load(_ cpu: Int, _ request: Request) -> UInt64 {
    let value = cpus[cpu].visible(request.address, request.width, in: memory)
    cpus[cpu].hasRead(value, request.address, request.width)
    observe(cpu, "reads", request, value)
    watch(cpu, request)
    return value
  }

  private func hasWritten(_ cpu: Int) {
    cpus[cpu].hasWritten = true
    cpus[cpu].watchCount = 0
  }

  private func write(_ cpu: Int, _ request: Request, _ value: UInt64) {
    hasWritten(cpu)
    observe(cpu, "writes", request, memory.read(request.address, request.width), value)
    memory.write(value, request.address, request.width)
    watch(cpu, request)
  }

  private func buffer(_ cpu: Int, _ request: Request) {
    hasWritten(cpu)
    observe(
      cpu, "writes (buffered)", request,
      cpus[cpu].visible(request.address, request.width, in: memory), request.first)
    let count = Int(cpus[cpu].bufferCount)
    cpus[cpu].buffer[count] = BufferedStore(
      address: request.address, value: request.first & ModelMemory.mask(request.width),
      width: request.width)
    cpus[cpu].bufferCount = UInt8(count + 1)
    // A fused store cannot have been made later than what it is fused with.
    cpus[cpu].freshStores = cpus[cpu].isFused ? 0 : cpus[cpu].freshStores + 1
    watch(cpu, request)
  }

  private func update(_ cpu: Int, _ request: Request) -> UInt64 {
    defer { watch(cpu, request) }
    let old = memory.read(request.address, request.width)
    let mask = ModelMemory.mask(request.width)
    let new: UInt64
    switch request.operation {
    case .exchange: new = request.first & mask
    case .fetchOr: new = old | request.first & mask
    default:
      guard old == request.first & mask else {
        cpus[cpu].hasRead(old, request.address, request.width)
        observe(cpu, "compares in vain", request, old)
        return old
      }
      new = request.second & mask
    }
    hasWritten(cpu)
    observe(
      cpu, request.operation == .compareExchange ? "compare-exchanges" : "updates", request, old,
      new)
    memory.write(new, request.address, request.width)
    return old
  }

  private func watch(_ cpu: Int, _ request: Request) {
    guard let watch = program.watch, flaw == nil else { return }
    let access = WatchedAccess(
      cpu: cpu, address: UInt(request.address), cpus: cpus, memory: memory)
    flaw = watch(access).map { .assertion($0) }
  }

  private func commit(_ cpu: Int) {
    let entry = cpus[cpu].buffer[0]
    let count = Int(cpus[cpu].bufferCount)
    for index in 1..<max(count, 1) { cpus[cpu].buffer[index - 1] = cpus[cpu].buffer[index] }
    cpus[cpu].bufferCount = UInt8(count - 1)
    cpus[cpu].freshStores = min(cpus[cpu].freshStores, cpus[cpu].bufferCount)
    let request = Request(
      operation: .store, width: entry.width, address: entry.address, first: entry.value, second: 0,
      site: 0)
    observe(cpu, "commits", request, memory.read(entry.address, entry.width), entry.value)
    memory.write(entry.value, entry.address, entry.width)
  }

  private func wakeUp(_ cpu: Int) {
    cpus[cpu].status = .ready
    hasWritten(cpu)
    run(cpu, answer: 0)
  }

  private func wake(_ cpu: Int, _ request: Request) {
    observe(cpu, "wakes sleepers of", request)
    hasWritten(cpu)
    for other in 0..<cpuCount {
      if cpus[other].status == .asleep, cpus[other].request.address == request.address {
        cpus[other].status = .woken
      }
      for level in 0..<Int(cpus[other].level)
      where cpus[other].interrupted[level].status == .asleep
        && cpus[other].interrupted[level].request.address == request.address
      {
        cpus[other].interrupted[level].status = .woken
      }
    }
  }

  private func interrupt(_ cpu: Int) {
    guard let handler = program.cpus[cpu].handler else { return }
    observe(cpu, "is interrupted")
    let level = Int(cpus[cpu].level)
    cpus[cpu].interrupted[level] = Interrupted(
      stackPointer: cpus[cpu].stackPointer, request: cpus[cpu].request, status: cpus[cpu].status,
      pauseIsFree: cpus[cpu].pauseIsFree)
    cpus[cpu].level = UInt8(level + 1)
    cpus[cpu].interruptsLeft -= 1
    cpus[cpu].freshStores = 0
    cpus[cpu].status = .ready
    cpus[cpu].pauseIsFree = false
    hasWritten(cpu)
    cpus[cpu].stackPointer = coroutine_make(cpus[cpu].stackPointer, handler, UInt32(cpu))
    run(cpu, answer: 0)
  }

  // MARK: What others cannot observe

  /// Does the CPU's request if no other CPU can tell when it happens, and returns the answer; nil if
  /// it must wait for its turn, or has nothing more to do.
  func doUnnoticed(_ cpu: Int) -> UInt64? {
    let request = cpus[cpu].request
    switch request.operation {
    case .finish: return finish(cpu)
    case .fail:
      flaw = .assertion(message(request))
      observe(cpu, "finds: \(message(request))")
      return nil
    case .note:
      observe(cpu, message(request), nil, nil, request.first)
      return 0
    case .boundedWait:
      cpus[cpu].pauseIsFree = true
      return 0
    case .maskInterrupts:
      cpus[cpu].interruptsMasked = request.first != 0
      return 0
    case .fuse:
      cpus[cpu].isFused = request.first != 0
      return 0
    case .pause: return pause(cpu)
    case .load, .store, .exchange, .compareExchange, .fetchOr: return access(cpu, request)
    case .sleep, .wake:
      guard memory.contains(request.address, request.width) else { return bad(cpu, request) }
      return nil
    case .fence:
      return cpus[cpu].bufferCount == 0 ? 0 : nil
    case .choose, .step, .fenceOther: return nil
    }
  }

  private func finish(_ cpu: Int) -> UInt64? {
    guard cpus[cpu].level > 0 else {
      cpus[cpu].status = .finished
      return nil
    }
    // A handler: back to what it interrupted.
    let level = Int(cpus[cpu].level) - 1
    let context = cpus[cpu].interrupted[level]
    observe(cpu, "returns from the interrupt")
    cpus[cpu].level = UInt8(level)
    cpus[cpu].stackPointer = context.stackPointer
    cpus[cpu].request = context.request
    cpus[cpu].status = context.status == .pausing ? .ready : context.status
    cpus[cpu].pauseIsFree = context.pauseIsFree
    hasWritten(cpu)
    return nil
  }

  private func pause(_ cpu: Int) -> UInt64? {
    if cpus[cpu].pauseIsFree {
      cpus[cpu].pauseIsFree = false
      return 0
    }
    if cpus[cpu].hasWritten || cpus[cpu].sawChange(in: memory) {
      cpus[cpu].hasWritten = false
      cpus[cpu].watchCount = 0
      return 0
    }
    observe(cpu, "waits for a change")
    cpus[cpu].status = .pausing
    return nil
  }

  private func access(_ cpu: Int, _ request: Request) -> UInt64? {
    guard memory.contains(request.address, request.width) else { return bad(cpu, request) }
    let isLoad = request.operation == .load
    switch memory.sharing(request.address) {
    case .ghost:
      if isLoad { return memory.read(request.address, request.width) }
      return ghost(request)
    case .owned(let owner):
      guard owner == cpu else { return bad(cpu, request) }
    case .written(let writer):
      guard isLoad || writer == cpu else { return bad(cpu, request) }
      guard writer == cpu, isLoad else { return buffered(cpu, request) }
    case .shared:
      return buffered(cpu, request)
    }
    if cpus[cpu].isFused, canStep(cpu) { return carryOut(cpu, request) }
    // Its own handlers may come between.
    guard !expectsInterrupts(cpu) else { return nil }
    if isLoad { return load(cpu, request) }
    if request.operation == .store {
      write(cpu, request, request.first)
      return 0
    }
    return nil
  }

  private func expectsInterrupts(_ cpu: Int) -> Bool {
    cpus[cpu].interruptsLeft > 0 && !cpus[cpu].interruptsMasked
  }

  /// A store goes into the store buffer unnoticed while there is room.
  private func buffered(_ cpu: Int, _ request: Request) -> UInt64? {
    if cpus[cpu].isFused, canStep(cpu) { return carryOut(cpu, request) }
    guard request.operation == .store, capacity > 0, !expectsInterrupts(cpu),
      Int(cpus[cpu].bufferCount) < capacity
    else { return nil }
    buffer(cpu, request)
    return 0
  }

  private func ghost(_ request: Request) -> UInt64 {
    let old = memory.read(request.address, request.width)
    switch request.operation {
    case .exchange, .store: memory.write(request.first, request.address, request.width)
    case .fetchOr: memory.write(old | request.first, request.address, request.width)
    default:
      if old == request.first & ModelMemory.mask(request.width) {
        memory.write(request.second, request.address, request.width)
      }
    }
    return old
  }

  private func bad(_ cpu: Int, _ request: Request) -> UInt64? {
    flaw = .badAccess(
      "CPU \(cpu): \(request.operation) of \(request.width) bytes at "
        + "\(program.layout.name(of: request.address)) is not what the model declares.")
    return nil
  }

  private func message(_ request: Request) -> String {
    guard let start = unsafe UnsafePointer<UInt8>(bitPattern: UInt(request.address)) else {
      return ""
    }
    // A static string of the model: that is what `Simulated.fail` passes.
    return unsafe String(
      decoding: UnsafeBufferPointer(start: start, count: Int(request.second)), as: UTF8.self)
  }
}
