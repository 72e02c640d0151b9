package service

// Stats are what the verbs have counted on this node since it started, and what they hold.
type Stats struct {
	// KnownHits and KnownMisses are of sessions that were asked for, and Known those that
	// are remembered.
	KnownHits, KnownMisses uint64
	Known                  int
	// Connections are those that stay open of people who are signed in.
	Connections int
	// Uploads counts files that were kept, and UploadBytes how large they are.
	Uploads, UploadBytes uint64
	// Uploading are those that come now.
	Uploading int
	// Exports and FailedExports count what was put together, and ExportBytes how large it is.
	Exports, FailedExports, ExportBytes uint64
}

// Stats gives what was counted. Each number is of its own moment.
func (s *Service) Stats() Stats {
	stats := Stats{
		Uploads: s.uploads.kept.Load(), UploadBytes: s.uploads.bytes.Load(),
		Exports: s.exports.made.Load(), FailedExports: s.exports.failed.Load(), ExportBytes: s.exports.bytes.Load(),
	}
	s.known.mu.Lock()
	stats.KnownHits, stats.KnownMisses = s.known.hits, s.known.misses
	if s.known.sessions != nil {
		stats.Known = s.known.sessions.Len()
	}
	s.known.mu.Unlock()
	s.connections.mu.Lock()
	stats.Connections = len(s.connections.open)
	s.connections.mu.Unlock()
	s.uploads.mu.Lock()
	for _, n := range s.uploads.of {
		stats.Uploading += n
	}
	s.uploads.mu.Unlock()
	return stats
}
