import GuestTestBed
import Testing

extension GuestTests {
  @Suite(.serialized) struct HungGuests {
    @Test("a command that does not end is told with where each CPU stands")
    func areDescribed() async throws {
      let machine = GuestMachine(kernel: try GuestKernel(), vcpus: 2)
      _ = try await machine.run { shell in
        let error = await #expect(throws: GuestError.self) {
          try await shell.run("sleep 600", limit: .seconds(1))
        }
        guard case .hung("sleep 600", 1, let log) = error else {
          Issue.record("\(String(describing: error))")
          return
        }
        for cpu in 0...1 { #expect(log.contains { $0.hasPrefix("CPU \(cpu): RIP=") }) }
      }
    }
  }
}
