-- Reads commands that nobody has read, past those of tenants that have no place at a worker, until one comes of another tenant.
--
-- KEYS[1]   the stream
-- ARGV[1]   the group
-- ARGV[2]   the consumer
-- ARGV[3]   how many commands it reads of another tenant at most, as in one XREADGROUP
-- ARGV[4]   how many in all, about
-- ARGV[5]   how many bytes in all, about
-- ARGV[6]   a tenant that has no place, and so on
--
-- Returns each entry's id and its names and values as JSON, in turn. A client reads one text of an entry faster than a dozen.

local stream, group, me = KEYS[1], ARGV[1], ARGV[2]
local count, most, most_bytes = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local is_full, read, bytes = {}, {}, 0
for i = 6, #ARGV do is_full[ARGV[i]] = true end

local function is_of_another(fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'tenant' then return not is_full[fields[i + 1]] end
  end
  return true
end

repeat
  local reply = redis.call('XREADGROUP', 'GROUP', group, me, 'COUNT', count, 'STREAMS', stream, '>')
  if not reply then break end
  local is_found = false
  for _, entry in ipairs(reply[1][2]) do
    local fields = cjson.encode(entry[2])
    read[#read + 1] = entry[1]
    read[#read + 1] = fields
    bytes = bytes + #fields
    is_found = is_found or is_of_another(entry[2])
  end
until is_found or #read / 2 >= most or bytes >= most_bytes
return read
