-- Takes over what workers had that died, or that gave it back, and forgets workers that died and have nothing.
--
-- KEYS[1]   the stream
-- ARGV[1]   the group
-- ARGV[2]   the consumer that takes over
-- ARGV[3]   for how long a worker is silent that died, milliseconds; empty to take only what was given back
-- ARGV[4]   how many entries it takes at most
-- ARGV[5]   the consumer that has what was given back
--
-- Returns how many entries were evicted from the stream before anybody answered them, and then each entry that was taken
-- over: its id, how often it was delivered, its fields.

local stream, group, me, silent, returned = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[5]
local room, evicted, taken = tonumber(ARGV[4]), 0, {}

for _, reply in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  local consumer = {}
  for i = 1, #reply, 2 do consumer[reply[i]] = reply[i + 1] end
  local name = consumer.name
  local is_dead = silent and consumer.idle >= silent
  if name ~= me and consumer.pending > 0 and (is_dead or name == returned) and room > 0 then
    for _, pending in ipairs(redis.call('XPENDING', stream, group, '-', '+', room, name)) do
      room = room - 1
      local entry = redis.call('XCLAIM', stream, group, me, 0, pending[1])[1]
      if entry then
        taken[#taken + 1] = { entry[1], pending[4] + 1, entry[2] }
      else
        evicted = evicted + 1
      end
    end
  elseif name ~= me and consumer.pending == 0 and is_dead then
    redis.call('XGROUP', 'DELCONSUMER', stream, group, name)
  end
end
return { evicted, taken }
