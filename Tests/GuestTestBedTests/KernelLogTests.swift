import Foundation
import Testing

@testable import GuestTestBed

@Suite struct KernelLogTests {
  private func troubles(_ text: String) throws -> [KernelLog.Trouble] {
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return KernelLog(file: file).troubles.map(\.0)
  }

  @Test func saysWhatIsWrong() throws {
    #expect(try troubles("[    1.0] Run /init as init process\n").isEmpty)
    #expect(
      try troubles(
        """
        [   28.8] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [kworker/1:0:22]
        [   30.1] WARNING: CPU: 0 PID: 154 at security/ipe/hooks.c:138 ipe_kernel_read_file
        [   31.0] BUG: unable to handle page fault for address: ff12
        [   31.2] Oops: 0002 [#1] PREEMPT SMP NOPTI
        [   40.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
        [   41.0] Uhhuh. NMI received for unknown reason 21 on CPU 6.
        [   42.0] Kernel panic - not syncing: Fatal exception
        """) == [.lockup, .warning, .oops, .oops, .stall, .unknownNMI, .panic])
  }
}

@Suite struct LineMailboxTests {
  @Test func deliversInOrderAndEnds() async {
    let mailbox = LineMailbox()
    await mailbox.put("one")
    async let second = { await mailbox.next(within: .seconds(60)) }
    #expect(await mailbox.next(within: .seconds(60)) == .line("one"))
    await mailbox.put("two")
    #expect(await second() == .line("two"))
    await mailbox.end()
    #expect(await mailbox.next(within: .seconds(60)) == .ended)
  }

  @Test func givesUp() async {
    let mailbox = LineMailbox()
    #expect(await mailbox.next(within: .milliseconds(1)) == .timedOut)
    // A limit that has passed does not end the wait after it.
    await mailbox.put("late")
    #expect(await mailbox.next(within: .seconds(60)) == .line("late"))
  }
}
