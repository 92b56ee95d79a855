module strongroom

go 1.19
