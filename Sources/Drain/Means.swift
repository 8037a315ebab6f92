import CDrain

/// What one run has in hand to know its tree by and to end it. Used by one thread at a time.
///
/// It owns the temporary cgroup, if there is one: removed by `dismiss`, or at the latest when this goes.
package final class Means {
    /// The strongest of them.
    package private(set) var method: Report.KillMethod
    /// The number that the command's processes bear; 0 for none.
    package private(set) var marker: UInt64
    /// The same, where there is no marker: told to a registry, and not looked for by the run itself.
    package private(set) var badge: UInt64 = 0
    /// Helpers of ours, at most two, that are none of the command's tree.
    var spared: [Int32] = []
    /// The program has adopted orphans, and has no children but this command's tree: the kernel says when
    /// nobody is left.
    let isSubreaper: Bool
    /// Nil when there is none, or it could not be joined.
    private(set) var cgroup: Cgroup?
    /// What the run makes do with when the cgroup cannot be joined; nil where it was asked for by name.
    private let instead: Report.KillMethod?
    /// The drain-run that supervises.
    let supervisor: OSString?

    package init(
        _ method: Report.KillMethod, cgroup: Cgroup? = nil, or instead: Report.KillMethod? = nil,
        isSubreaper: Bool = false, supervisor: OSString? = nil
    ) {
        self.method = method
        self.instead = instead
        self.supervisor = supervisor
        self.cgroup = cgroup
        self.isSubreaper = isSubreaper
        marker = method == .sweep ? drain_marker() : 0
    }

    /// As a library has them.
    convenience init(for wish: Timeouts.KillMethod) throws(DrainError) {
        switch wish {
        case .automatic, .sweep: self.init(.sweep)
        case .strongest:
            let cgroup = try? Cgroup()
            self.init(cgroup == nil ? .sweep : .cgroup, cgroup: cgroup, or: .sweep)
        case .cgroup: self.init(.cgroup, cgroup: try Cgroup())
        case .supervisor(let program): self.init(.supervisor, supervisor: program)
        case .group: self.init(.group)
        }
    }

    /// Borrowed by the core until the child is closed.
    var raw: drain_means {
        unsafe drain_means(
            supervised: isSubreaper, cgroup: cgroup?.pointer, marker: marker, badge: badge,
            spared: (spared.first ?? 0, spared.dropFirst().first ?? 0))
    }

    /// Before the command is started.
    func takeBadge() {
        if marker == 0 { badge = drain_marker() }
    }

    /// The kernel does not let the command into the cgroup (one that is not of the type domain, a filter of
    /// system calls). False where the run cannot do without.
    func forgoCgroup() -> Bool {
        guard let instead, cgroup != nil else { return false }
        cgroup = nil
        method = instead
        if instead == .sweep { marker = drain_marker() }
        return true
    }

    /// Nil where nobody lives in the cgroup, or there is none; else how many do when they have been killed.
    func endCgroup() -> Int? {
        guard let cgroup, cgroup.isPopulated else { return nil }
        return cgroup.end(until: drain_now().advanced(by: TimeoutMachine.patience))
    }

    /// The run is over. Whoever is left, and is meant to be, lives on outside of the cgroup.
    func dismiss(leavesBackground: Bool) {
        cgroup?.remove(leavesBackground: leavesBackground)
    }

    /// Ends all that bear the marks of this run, the leader as well, without a child at hand: what the
    /// guardian of a worker that was killed does. Returns how many could not be ended; nil where the means
    /// do not tell who is left.
    func endTree(until: Instant) -> Int? {
        var left = cgroup.map { $0.end(until: until) }
        if marker != 0 { left = endMarked(until: until) }
        if isSubreaper { left = drain_hunt(until) }
        dismiss(leavesBackground: false)
        return left
    }
}

extension Means {
    /// Nobody keeps the leader's number any more: only the marker tells who is ours.
    private func endMarked(until: Instant) -> Int {
        var quarry = drain_quarry(group: 0, session: 0, marker: marker, since: 0, spare: 0, after: 0)
        return unsafe drain_sweep_end(&quarry, until)
    }
}

/// A temporary cgroup of version 2, for one command.
@safe package final class Cgroup {
    let pointer: UnsafeMutablePointer<drain_cgroup>

    /// Throws where no cgroup of version 2 can be made, or it has no cgroup.kill.
    package init() throws(DrainError) {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: drain_cgroup())
        let error = unsafe drain_cgroup_make(pointer)
        if error != 0 { throw DrainError(.killMethod, "cgroup", Errno(rawValue: error)) }
    }

    /// Another process's. Nil where there is none any more, or it is not one that Drain makes.
    init?(at path: OSString) {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: drain_cgroup())
        var name = CStrings([path])
        let error = unsafe name.withPointers { unsafe drain_cgroup_open($0[0]!, pointer) }
        if error != 0 { return nil }
    }

    /// Whether the calling process is in it.
    var isOwn: Bool { unsafe drain_cgroup_is_own(pointer) }

    deinit {
        remove(leavesBackground: false)
        unsafe pointer.deallocate()
    }

    var isPopulated: Bool { unsafe drain_cgroup_populated(pointer) }

    /// Nil where the system does not tell.
    var path: OSString? {
        var room = [CChar](repeating: 0, count: 4096)
        let isKnown = unsafe room.withUnsafeMutableBufferPointer {
            unsafe drain_cgroup_path(pointer, $0.baseAddress!, $0.count)
        }
        guard isKnown else { return nil }
        return OSString(bytes: room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
    }

    func end(until: Instant) -> Int { unsafe drain_cgroup_end(pointer, until) }

    func remove(leavesBackground: Bool) {
        if leavesBackground { unsafe drain_cgroup_leave(pointer) }
        unsafe _ = drain_cgroup_remove(pointer, drain_now().advanced(by: TimeoutMachine.patience))
    }
}
