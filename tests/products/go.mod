module supportbundle.dev/products

go 1.23
