# What differs between two walks by its nature: where a meeting is, when it was, and what an instance draws at random.
s#http://127\.0\.0\.1:[0-9]+#INSTANCE#g
s#[0-9a-f]{40}-[0-9]{13}#INTERNAL-ID#g
s#[0-9]{13}#TIME#g
s#[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9]{2} [0-9:]{8} [A-Z]+ [0-9]{4}#DATE#g
s#w_[a-z0-9]{12}#USER#g
s#(sessionToken=|(auth|session)_token[^a-z0-9]+(Some\(")?)[a-z0-9]+#\1TOKEN#g
s#([vV]oice_?[bB]ridge[^0-9]{1,12})[0-9]{5}#\1BRIDGE#g
s#((rawS|s)ize[^0-9a-zA-Z]{1,4})[0-9]+#\1SIZE#g
s#(hookID[^0-9]{1,4})[0-9]+#\1HOOK#g
