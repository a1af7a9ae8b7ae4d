-- Looks one meeting up.
if not unbroken() then
  return { 'history' }
end
local _, placement = placed(ARGV[4])
if placement then
  return { 'found', last(), placement }
end
return { 'none', last() }
