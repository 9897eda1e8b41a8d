module supportbundle.dev/workload

go 1.23
