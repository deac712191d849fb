#pragma once
#include "record/frame.h"
#include "record/queue_entry.h"

namespace hikyaku::record {

/// The fields of a Client, as they stand in all records that hold one.
void put(FrameWriter& out, const Client& client);
Client take_client(FrameReader& in);

}  // namespace hikyaku::record
