// SPDX-License-Identifier: GPL-2.0-only

//! What the shell does with orders: one is with the engine at a time.

use super::{Ask, World, Wrong, ORDER};
use dm_spare_engine::{Cause, OrderError, Outcome, Request, RequestKind, SECTORS_PER_BLOCK};

impl World {
    /// Takes an order; what of it lies beyond the end of main is left out.
    pub(super) fn order(&mut self, operation: usize, kind: RequestKind, block: u64, blocks: u32) {
        let sector = block * SECTORS_PER_BLOCK;
        let left = self.disks[0].sectors().saturating_sub(sector);
        let sectors = (u64::from(blocks) * SECTORS_PER_BLOCK).min(left);
        self.operations[operation].bios_left = 1;
        let request = Request {
            id: ORDER,
            kind,
            sector,
            // CAST: main is small here.
            sectors: sectors as u32,
            fua: false,
            cause: Cause::Held,
        };
        self.orders.push_back((operation, request));
    }

    /// Gives the next order to the engine once it has answered the one before.
    pub(super) fn hand_over_order(&mut self) {
        if self.ordered.is_some() || !self.engine.has_room() {
            return;
        }
        if let Some((operation, request)) = self.orders.pop_front() {
            self.ordered = Some(operation);
            // There is room, as was just seen.
            let _ = self.engine.accept(request);
        }
    }

    /// The engine has answered. Without faults an order fails only if main does not take a block back.
    pub(super) fn order_answered(
        &mut self,
        outcome: Outcome,
        result: Result<(), OrderError>,
    ) -> Result<(), Wrong> {
        let Some(operation) = self.ordered.take() else {
            return Err("an order is answered twice".into());
        };
        let blocks = match self.operations[operation].ask {
            Ask::Order { kind, blocks, .. } if kind != RequestKind::Sync => u64::from(blocks),
            _ => 0,
        };
        let counted = outcome.blocks();
        if counted > blocks || (result.is_ok() && counted != blocks) {
            return Err(format!("{outcome:?} of {blocks} blocks, {result:?}"));
        }
        self.moved += u64::from(outcome.moved);
        self.answers.push((outcome, result));
        match result {
            Ok(()) | Err(OrderError::Suspended) => {}
            Err(OrderError::Failed(class)) if !self.faults => {
                return Err(format!("an order failed after {class}"));
            }
            Err(OrderError::Failed(_)) => {}
        }
        self.end_part_of(operation, Ok(()))
    }
}
