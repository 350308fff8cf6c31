package posix

// NameStaged has the store give its staged files names, as on a file system that has no others.
func NameStaged(s *Store) error {
	a, err := s.needArea()
	if err == nil {
		a.unnamed = false
	}
	return err
}
