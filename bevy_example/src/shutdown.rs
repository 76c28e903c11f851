//! Ends the game when asked to: `dgx_pixels/shutdown`. Games with a renderer have `brp_extras/shutdown` for that.

use bevy::prelude::*;
use bevy::remote::{BrpResult, RemoteMethodSystemId, RemoteMethods};
use serde_json::{Value, json};

/// Frames to wait after the request, so that the answer leaves before the process does.
const FRAMES: u32 = 10;

/// Adds the method. [`RemoteMethods`] must be there: add this after `RemotePlugin`.
pub struct ShutdownPlugin;

impl Plugin for ShutdownPlugin {
    fn build(&self, app: &mut App) {
        let asked = app.world_mut().register_system(ask);
        let mut methods = app.world_mut().resource_mut::<RemoteMethods>();
        methods.insert("dgx_pixels/shutdown", RemoteMethodSystemId::Instant(asked));
        app.add_systems(Update, exit.run_if(resource_exists::<FramesLeft>));
    }
}

#[derive(Resource)]
struct FramesLeft(u32);

fn ask(_params: In<Option<Value>>, mut commands: Commands) -> BrpResult {
    commands.insert_resource(FramesLeft(FRAMES));
    Ok(json!({ "success": true }))
}

fn exit(mut left: ResMut<FramesLeft>, mut exit: MessageWriter<AppExit>) {
    left.0 = left.0.saturating_sub(1);
    if left.0 == 0 {
        exit.write(AppExit::Success);
    }
}
