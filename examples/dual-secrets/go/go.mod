module dual-secrets

go 1.19

require strongroom v0.1.0

replace strongroom => ../../../clients/go
