"""What a job needs to run, and what cannot change a number: logs, files, devices, downloads, archives.

No module of this folder is a code input of any rule: an edit here reruns nothing."""
