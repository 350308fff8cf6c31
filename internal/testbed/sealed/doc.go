// Package sealed tests server-side encryption with the real process and AWS's SDK: objects of every mode, through jobs and restarts, and what lies on disk. It has tests only.
package sealed
